// Two translation units that include the library, emulator and all, make one program, and share one library.
#include "public/linking/unit.hpp"
#include "support/emulator/emulated.hpp"

#include <doctest/doctest.h>

#include <thread>

namespace hk = hdikafka;

TEST_CASE("two translation units share the category of errors and catch each other's")
{
    CHECK(&test::other_category() == &hk::make_error_code(hk::errc::timed_out).category());
    CHECK_THROWS_AS(test::other_throw(), hk::error);
}

TEST_CASE("a client of one unit and its emulator work in the other")
{
    test::emulated service;
    std::thread worker([&service] { service.io.run(); });
    CHECK(test::other_round_trip(*service.client, service.emulator));
    service.emulator.stop();
    worker.join();
}
