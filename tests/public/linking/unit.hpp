// What the two translation units of linking_test say about the library that each of them has read.
#ifndef HDIKAFKA_TESTS_LINKING_UNIT_HPP
#define HDIKAFKA_TESTS_LINKING_UNIT_HPP

#include <hdikafka.hpp>
#include <hdikafka/emulator.hpp>

#include <system_error>

namespace test {

/// The second unit's category of errors: there must be one in the program.
std::error_category const& other_category();

/// Sends a record to a topic of the emulator, both made by the first unit, and reads it back.
bool other_round_trip(hdikafka::client const& client, hdikafka::emulator& emulator);

/// Throws an hk::error, for the first unit to catch.
[[noreturn]] void other_throw();

} // namespace test

#endif
