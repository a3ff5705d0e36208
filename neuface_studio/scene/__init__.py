"""What is drawn, without widgets: meshes of the shown frame, tile pictures, the 3D scene."""
