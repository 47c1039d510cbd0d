"""Images: folders of one class each, a list of files with their labels, or the IDX files of MNIST and its kin."""
