"""What every explorer is made of: controls, panels, jobs, sheets and charts."""
