// event_gate: one thread at a time acts, and no event is lost.
#include <hdikafka/detail/run/operation.hpp>

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

using hdikafka::detail::event_gate;

TEST_CASE("the first to come acts, on what came while it acted too")
{
    event_gate gate;
    CHECK(gate.enter(1));
    CHECK(gate.take() == 1);
    CHECK_FALSE(gate.enter(2)); // somebody acts
    CHECK_FALSE(gate.enter(4));
    CHECK(gate.take() == 6);
    CHECK_FALSE(gate.enter(2));
    CHECK(gate.take() == 2);
    CHECK(gate.take() == 0); // left
    CHECK(gate.enter(8));
    CHECK(gate.take() == 8);
    CHECK(gate.take() == 0);
}

TEST_CASE("an event that comes twice before it is acted on counts once")
{
    event_gate gate;
    CHECK(gate.enter(1));
    CHECK_FALSE(gate.enter(1));
    CHECK(gate.take() == 1);
    CHECK(gate.take() == 0);
}

TEST_CASE("of many threads one acts at a time, and each thread's last event is acted on")
{
    constexpr unsigned threads = 8;
    constexpr int rounds = 20'000;
    event_gate gate;
    std::array<std::atomic<int>, threads> brought{};
    std::array<int, threads> seen{}; // belongs to whoever acts
    int acting = 0;                  // the same
    int clashes = 0;
    std::vector<std::thread> crowd;
    for (unsigned id = 0; id != threads; ++id)
        crowd.emplace_back([&, id] {
            for (int round = 1; round <= rounds; ++round) {
                brought.at(id) = round;
                if (!gate.enter(1U << id))
                    continue;
                while (unsigned const events = gate.take()) {
                    clashes += acting++ == 0 ? 0 : 1;
                    for (unsigned one = 0; one != threads; ++one)
                        if ((events >> one & 1U) != 0)
                            seen.at(one) = brought.at(one);
                    --acting;
                }
            }
        });
    for (auto& one : crowd)
        one.join();
    CHECK(clashes == 0);
    for (int const last : seen)
        CHECK(last == rounds);
    CHECK(gate.enter(1)); // nobody is left inside
}
