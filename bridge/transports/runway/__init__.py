"""The old Runway desktop app's four servers, so that sketches and plugins written for it go on working."""
