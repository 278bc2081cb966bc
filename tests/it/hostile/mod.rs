//! Callers that mean harm, or whose programs do: bytes that are no HTTP, connections that are slow, paths that are not
//! straight, requests that would cost much.

mod cost;
mod encrypted;
mod frames;
mod http2;
mod paths;
mod places;
mod rates;
mod raw;
mod served;
mod slow;
mod speaking;
