//! `news` of `sluice::fuzzing`.

#![no_main]

sluice_fuzz::target!(other news);
