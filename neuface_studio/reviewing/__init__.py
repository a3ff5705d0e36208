"""What a review does, without widgets: flags, what was watched, going on through the queue, blind trials."""
