"""The consumer: takes PollingData from the DataQueue and puts one TagValue for each tag on the buffer."""
