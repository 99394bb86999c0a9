"""The timetable room: what recurs in schedules/, read, checked and expanded into airings."""
