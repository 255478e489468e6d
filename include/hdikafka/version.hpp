// Version of the library.
#ifndef HDIKAFKA_VERSION_HPP
#define HDIKAFKA_VERSION_HPP

/// The version as one number: major * 10000 + minor * 100 + patch.
#define HDIKAFKA_VERSION 100

/// The version as text, "major.minor.patch".
#define HDIKAFKA_VERSION_STRING "0.1.0"

#if defined(__cplusplus) && __cplusplus < 202002L
#error "hdikafka needs C++20: compile with -std=c++20 or newer"
#endif
#if !defined(__cpp_exceptions)
#error "hdikafka reports failures as exceptions: compile without -fno-exceptions"
#endif

/// Everything lives in namespace hdikafka; the inline namespace names the version, so that two
/// versions of the library can be linked into one program.
namespace hdikafka::inline v0_1 {}

#endif
