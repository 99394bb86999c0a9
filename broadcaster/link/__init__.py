"""The line to a station: one SSH session, files over SFTP, many stations at once. The only home of paramiko."""
