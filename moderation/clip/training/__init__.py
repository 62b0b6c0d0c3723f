"""The one training loop and the state file from which a killed training resumes."""
