// Every operation, cancelled or closed after any number of its steps: it ends, and what it says of its
// records agrees with what the peer received.
#include "support/faults/operations.hpp"
#include "support/faults/site.hpp"
#include "support/faults/table.hpp"

#include <asio/error.hpp>
#include <doctest/doctest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

using namespace test;

namespace {

/// How many interrupted calls said what of their records, and how many requests the peer received of those
/// that were in doubt.
class tally
{
public:
    std::size_t none = 0;
    std::size_t possibly = 0;
    std::size_t received = 0;
};

/// One operation against a server that is well, each time on a new client.
class interrupted_calls
{
public:
    interrupted_calls(operation const& what, bool by_closing) : what_(what), by_closing_(by_closing) {}

    /// Of the calls since the last look at it.
    tally take_tally() { return std::exchange(tally_, tally()); }

    /// Interrupts a call after `steps` handlers; false when it was through before. With `warm` its client
    /// has a token and a connection already.
    bool interrupt_after(std::size_t steps, bool warm)
    {
        return interrupt(
            server_, warm,
            [steps](net::io_context& io, running_call<std::string> const& call) {
                // An idle connection's news, such as a session ticket, counts as a handler and may come
                // first.
                step_until(io, [&call] { return call.has_begun(); });
                take_steps(io, steps, [&call] { return call.end.happened(); });
            },
            [] {});
    }

    /// Interrupts a call when the peer has its request and has not answered. Among the steps of a call may be
    /// one at which this is so, but a quick peer's answer comes with the step that wrote the request.
    void interrupt_unanswered(bool warm)
    {
        gate const arrived;
        gate const told;
        script doing;
        if (warm)
            doing.read().answer(good_answer);
        doing.read().tell(arrived).await(told).answer(good_answer).forever();
        scripted_server const server(doing);
        REQUIRE(interrupt(
            server, warm,
            [&arrived](net::io_context& io, running_call<std::string> const&) {
                work_until(io, [&arrived] { return arrived.is_open(); });
                take_all_steps(io);
            },
            [&told] { told.open(); }));
    }

private:
    /// Interrupts a call where `come_there` has brought it, unless it is through. `afterwards`: what the
    /// server waits for.
    template <class Come, class Afterwards>
    bool interrupt(scripted_server const& server, bool warm, Come come_there, Afterwards afterwards)
    {
        net::io_context io;
        std::optional<subject> who;
        who.emplace(io.get_executor(), options_for(server.endpoint()), what_.from);
        if (warm)
            REQUIRE(run(io, who->client.topics()).good());
        std::size_t const before = server.requests().size();
        running_call<std::string> call(io, what_.call(&*who, hk::call_options()));
        come_there(io, call);
        bool const through = call.end.happened();
        if (!through && by_closing_) {
            who->client.close();
            work_until(io, [&call] { return call.end.happened(); });
        } else if (!through) {
            call.cancel();
        }
        afterwards();
        io.restart();
        io.run();
        who.reset();
        check(call.end, received_since(server, before));
        return !through;
    }

    /// How many requests the server has read when all connections have ended.
    static std::size_t received_since(scripted_server const& server, std::size_t before)
    {
        // A connection that was made later is taken later.
        net::io_context io;
        {
            hk::client const last(io.get_executor(), options_for(server.endpoint()));
            REQUIRE(run(io, last.topics()).good());
        }
        server.wait_for_ends(server.connections());
        return server.requests().size() - before - 1;
    }

    void check(ending<std::string> const& end, std::size_t received)
    {
        if (end.good()) {
            CHECK(end.get().value() == what_.good);
            CHECK(received == what_.requests);
            return;
        }
        hk::error const failure = end.error();
        CHECK(failure.code() ==
              (by_closing_ ? make_error_code(hk::errc::closed) : net::error::operation_aborted));
        check_what(failure, what_.reported, what_.topic);
        bool const certain = failure.info().persisted() == hk::persistence::none;
        if (what_.records && certain)
            CHECK(received == 0);
        if (!what_.records)
            CHECK(certain);
        ++(certain ? tally_.none : tally_.possibly);
        tally_.received += certain ? 0 : received;
    }

    operation const& what_;
    bool by_closing_;
    tally tally_;
    scripted_server server_{good_script()};
};

} // namespace

TEST_CASE("a call cancelled or closed after any number of steps tells the truth about its records")
{
    auto const operations = all_operations();
    fault_table table("Interrupted: every operation, after each number of its steps",
                      {"ended by", "client", "steps", "persisted none", "possibly", "of these received"},
                      names_of(operations));
    for (operation const& what : operations)
        for (bool const by_closing : {false, true}) {
            interrupted_calls calls(what, by_closing);
            for (bool const warm : {false, true}) {
                CAPTURE(what.name);
                CAPTURE(by_closing);
                CAPTURE(warm);
                std::size_t steps = 0;
                while (calls.interrupt_after(steps, warm)) {
                    ++steps;
                    REQUIRE(steps < 1000);
                }
                CHECK(steps > 0);
                calls.interrupt_unanswered(warm);
                tally const seen = calls.take_tally();
                CHECK(seen.none + seen.possibly <= steps + 1); // one may have ended just then
                CHECK((seen.possibly > 0) == what.records);
                CHECK(seen.received <= seen.possibly);
                table.add(what.name, {by_closing ? "close()" : "cancellation", warm ? "connected" : "new",
                                      std::to_string(steps), std::to_string(seen.none),
                                      std::to_string(seen.possibly), std::to_string(seen.received)});
            }
        }
    table.note(
        "A step is one handler of the executor; one more call is interrupted when the peer has its request "
        "and has not answered. Operations that only read, create or delete have no "
        "records: none.");
    table.print();
}
