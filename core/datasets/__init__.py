"""Image sets: registered data sets, readers of image formats, and the conversion to one shape, type and range."""
