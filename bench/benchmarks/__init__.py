"""What is measured, a module for each question; `run` answers it with figures beside what they are compared with."""
