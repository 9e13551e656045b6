"""What is shown of a network, of errors and of differences, as text and as data; nothing in here prints."""
