// A producer against the emulator: what senders are told, and what the log holds.
#include "support/emulated.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

using namespace test;
using namespace std::chrono_literals;

TEST_CASE("a record that is sent alone has its receipt")
{
    emulated service(hk::emulator_options().produce_answer(hk::emulator_produce_answer::offsets));
    service.emulator.add_topic("orders");
    hk::producer const producer(*service.client);
    auto const told = service.run(producer.send("orders", hk::record("key", "value")));
    REQUIRE(told);
    CHECK(told.value().size() == 1);
    CHECK(told.value().persisted(0) == hk::persistence::done);
    CHECK(told.value().offset(0) == 0);
    auto const log = service.emulator.records("orders", 0);
    REQUIRE(log.size() == 1);
    CHECK(log[0].value == "\"value\"");
    CHECK(log[0].key == "\"key\"");
}
