// Every operation where it waits for something other than its own exchange: for a connection of the client's,
// for a token that another call asked for, to try again, or for what is not there yet.
#include "support/faults/bench.hpp"
#include "support/faults/steps.hpp"
#include "support/faults/table.hpp"
#include "support/faults/waits.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

using namespace test;

namespace {

/// Whether the operation can come to the fault at all.
bool applies(operation const& what, fault const& which)
{
    bool const pausing = which.step == "its own pause";
    bool const of_stream = what.reported == "consume";
    if (pausing && !what.pauses && what.name != "create_topic")
        return false;
    if (which.asks_authority && !what.needs_token)
        return false;
    if (which.kind != trouble::total_limit)
        return true;
    return what.name != "wait_for_topic" && !(pausing && of_stream);
}

aftermath run_fault(operation const& what, std::size_t which)
{
    constexpr limit longest = 20s;
    for (limit time = 20ms;; time *= 4) {
        fault const one = std::move(all_waits(what)[which]);
        bool const repeats = one.step == "back-off" || one.step == "its own pause";
        hk::retry_policy const policy = quickly(repeats ? 1 : 0);
        aftermath seen = bench(what, one, time, policy).run();
        if (!seen.too_early || time > longest)
            return seen;
    }
}

void check(operation const& what, fault const& which, aftermath const& seen)
{
    CHECK(seen.end.code() == which.code);
    bool const doubtful = what.records && which.written;
    if (!seen.end.good()) {
        hk::error const failure = seen.end.error();
        CHECK(failure.info().persisted() == (doubtful ? hk::persistence::possibly : hk::persistence::none));
        check_what(failure, what.reported, what.topic);
    }
    CHECK_FALSE(seen.too_early);
    CHECK(seen.at_rest);
    CHECK(seen.left_at_end == 0);
    CHECK(seen.forgotten);
    if (seen.left_to_stream)
        return; // the next call would wait for what this one began
    CHECK(seen.left_open == which.left_open);
    if (which.goes_on && which.asks_authority)
        CHECK(seen.tokens_asked_for == 1);
    CHECK(seen.next_works(which.code ? what.good : what.good_again));
    if (which.other_first)
        CHECK(seen.other_good == (which.event.find("break") == std::string::npos));
    std::size_t const good_calls = which.code ? 1 : 2;
    if (which.one_connection)
        CHECK(seen.connections ==
              (which.event.find("breaks") == std::string::npos ? 1 : 2) + good_calls * what.fresh);
}

} // namespace

TEST_CASE("a call that waits for others, to try again or for what is not there yet ends as documented")
{
    auto operations = all_operations();
    for (operation& what : operations)
        what.at_least_once = what.records; // else it does not try again after an outage
    fault_table table("Waits: every operation, wherever it waits for more than its exchange",
                      {"step", "event", "error", "persisted", "next call"}, names_of(operations));
    std::size_t const count = all_waits(operations[0]).size();
    for (std::size_t i = 0; i != count; ++i)
        for (operation const& what : operations) {
            fault const which = std::move(all_waits(what)[i]);
            if (!applies(what, which))
                continue;
            CAPTURE(what.name);
            CAPTURE(which.step);
            CAPTURE(which.event);
            aftermath const seen = run_fault(what, i);
            check(what, which, seen);
            bool const works = seen.next_works(which.code ? what.good : what.good_again);
            table.add(what.name, {which.step, which.event, name_of(seen.end.code()),
                                  seen.end.good() ? "-" : name_of(seen.end.error().info().persisted()),
                                  seen.left_to_stream ? "goes on with it"
                                  : works             ? "works"
                                                      : "fails"});
        }
    table.note("A back-off and a pause are timers, and no connection is held: nothing in them can fail.");
    table.note("No back-off is begun that would end past the deadline: none is ever cut short by it.");
    table.note("Only wait_for_topic, the streams and a creation that was done before pause; of these "
               "create_topic alone is bound by total_timeout.");
    table.note("produce may write twice here; else it would not back off after 503.");
    table.print();
}
