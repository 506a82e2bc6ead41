//! Tests of the library and the program as a whole.

mod vectors_drive;
