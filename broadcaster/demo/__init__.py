"""What stands in for the communes' boxes in the demo and in tests: SFTP servers on loopback, rooted in one folder."""
