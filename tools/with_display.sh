#!/usr/bin/env bash
# with_display.sh COMMAND...: runs it on the display that is there, else on a virtual one (Xvfb, GL in software).
set -u
export QT_API=pyside6
if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || [ "$(uname)" != Linux ]; then
    exec "$@"
fi
if command -v xvfb-run >/dev/null 2>&1; then
    export QT_QPA_PLATFORM=xcb LIBGL_ALWAYS_SOFTWARE=1
    exec xvfb-run -a -s "-screen 0 1920x1200x24 +extension GLX -nolisten tcp" "$@"
fi
echo "no display and no xvfb-run (Debian: apt-get install xvfb xauth): drawing off screen, 3D view included" >&2
export QT_QPA_PLATFORM=offscreen VTK_DEFAULT_OPENGL_WINDOW=vtkEGLRenderWindow
exec "$@"
