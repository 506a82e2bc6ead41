//! Recent states in this process.
