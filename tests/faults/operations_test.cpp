// Every operation, at every step of an attempt, with everything that can go wrong there: the error, what
// became of the records, what is left behind, and that the next call works. One attempt is made.
#include "support/faults/bench.hpp"
#include "support/faults/steps.hpp"
#include "support/faults/table.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

using namespace test;

namespace {

hk::retry_policy const once = hk::retry_policy().max_retries(0);

/// Runs one fault; again with more time when a time limit ended more than it was meant to end.
aftermath run_fault(operation const& what, std::size_t which)
{
    constexpr limit longest = 20s;
    for (limit time = 20ms;; time *= 4) {
        fault const one = std::move(all_faults()[which]);
        aftermath seen = bench(what, one, time, once).run();
        if (!seen.too_early || time > longest)
            return seen;
    }
}

bool retriable(std::error_code code)
{
    return code != hk::errc::tls_failed && code != hk::errc::token_refused &&
           code != net::error::operation_aborted;
}

void check_failure(operation const& what, fault const& which, aftermath const& seen)
{
    hk::error const failure = seen.end.error();
    CHECK(failure.code() == which.code);
    bool const doubtful = what.records && which.written;
    CHECK(failure.info().persisted() == (doubtful ? hk::persistence::possibly : hk::persistence::none));
    CHECK(failure.info().retriable() == retriable(which.code));
    CHECK_FALSE(failure.info().request_id.empty());
    check_what(failure, what.reported, what.topic);
}

std::size_t looks_at_topics(aftermath const& seen)
{
    return static_cast<std::size_t>(std::ranges::count_if(seen.requests, [](seen_request const& request) {
        return request.line.starts_with("GET /v1/metadata/topics ");
    }));
}

void check_what_is_left(operation const& what, fault const& which, aftermath const& seen)
{
    CHECK_FALSE(seen.too_early);
    CHECK(seen.at_rest);
    CHECK(seen.left_at_end == 0);
    CHECK(seen.forgotten);
    if (seen.left_to_stream)
        return; // the next call would wait for what this one began
    // A produce that is not answered looks whether there is such a topic.
    bool const looks = what.records && which.written && which.kind != trouble::failure &&
                       which.kind != trouble::cancellation;
    std::size_t const looked = looks ? looks_at_topics(seen) : 0;
    CHECK(looked <= 1);
    CHECK(seen.left_open <= which.left_open + looked);
    CHECK(seen.left_open >= which.left_open);
    if (which.goes_on && which.asks_authority)
        CHECK(seen.tokens_asked_for == 1);
    CHECK(seen.next_works(what.good));
    CHECK(seen.requests.size() == (which.arrived ? 1 : 0) + looked + what.requests);
    // Of a call that did not arrive whole, the look is the first that the server has.
    CHECK(seen.requests.at(which.arrived ? 0 : looked).line.starts_with(what.line));
}

} // namespace

TEST_CASE(
    "a call that fails, stalls or is cancelled at any step ends as documented and leaves nothing behind")
{
    auto const operations = all_operations();
    auto const faults = all_faults();
    fault_table table("One attempt: every operation, at every step of it",
                      {"step", "event", "error", "persisted", "next call"}, names_of(operations));
    for (std::size_t i = 0; i != faults.size(); ++i)
        for (operation const& what : operations) {
            fault const& which = faults[i];
            // Its timeout is an argument, which replaces total_timeout.
            if (what.name == "wait_for_topic" && which.kind == trouble::total_limit)
                continue;
            if (which.asks_authority && !what.needs_token)
                continue;
            CAPTURE(what.name);
            CAPTURE(which.step);
            CAPTURE(which.event);
            aftermath const seen = run_fault(what, i);
            CHECK_FALSE(seen.end.good());
            if (seen.end.good())
                continue;
            check_failure(what, which, seen);
            check_what_is_left(what, which, seen);
            hk::error const failure = seen.end.error();
            table.add(what.name,
                      {which.step, which.event, name_of(failure.code()), name_of(failure.info().persisted()),
                       seen.left_to_stream          ? "goes on with it"
                       : seen.next_works(what.good) ? "works"
                                                    : "fails"});
        }
    table.note("wait_for_topic's timeout is an argument and replaces total_timeout: no row for that.");
    table.note("What a stream's next() has begun goes on when the caller gives up, until the stream ends.");
    table.note("status needs no token: no row for its request.");
    table.note("A look-up that is given up goes on in getaddrinfo, which nothing can stop; until it returns, "
               "the context has work.");
    table.note("A token request goes on without the call that asked for it; the next call has its token.");
    table.print();
}
