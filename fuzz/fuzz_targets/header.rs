//! `header` of `sluice::fuzzing`.

#![no_main]

sluice_fuzz::target!(request header);
