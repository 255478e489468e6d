// One operation, run once into one fault: what came of it, what it left behind, and whether the next call
// on the same client works.
#ifndef HDIKAFKA_TESTS_SUPPORT_FAULT_BENCH_HPP
#define HDIKAFKA_TESTS_SUPPORT_FAULT_BENCH_HPP

#include "support/faults/operations.hpp"
#include "support/faults/site.hpp"
#include "support/net/running.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace test {

/// What a call came to, and what was found afterwards.
class aftermath
{
public:
    ending<std::string> end;
    std::size_t left_open = 0;   ///< The client's connections after the call.
    ending<std::string> next;    ///< The next call on the same client.
    std::size_t left_at_end = 0; ///< Connections after the client.
    bool forgotten = false;      ///< Nothing of the client is alive after it.
    bool at_rest = false;        ///< After the call, and after the next, the context had no work left.
    bool other_good = false;     ///< The call that went before.
    bool left_to_stream =
        false;              ///< What the call began went on when it was given up, until the stream's end.
    bool too_early = false; ///< The limit had passed before the call stood where it should.
    std::vector<seen_request> requests;
    std::size_t connections = 0;
    std::size_t tokens_asked_for = 0;

    bool next_works(std::string const& wanted) const
    {
        return next.happened() && next.good() && next.get().value() == wanted;
    }
};

/// One call into one fault, and the next one.
class bench
{
public:
    bench(operation const& what, fault const& which, limit time, hk::retry_policy retry)
        : what_(what),
          fault_(which),
          site_(which, time, retry.at_least_once(what.at_least_once)),
          subject_(std::in_place, io_.get_executor(), site_.options, what.from)
    {}
    bench(bench const&) = delete;
    bench& operator=(bench const&) = delete;
    ~bench() { fault_.release.open(); } // a look-up would keep the context from ending

    aftermath run()
    {
        aftermath out;
        ending<std::vector<std::string>> other;
        if (fault_.other_first) {
            start(io_.get_executor(), subject_->client.topics(hk::call_options().timeout(60s)), other);
            work_until(io_, [this] { return fault_.taken.is_open(); });
        }
        out.end = fault_.kind == trouble::cancellation ? run_and_cancel() : run_call(site_.call);
        out.too_early = fault_.kind != trouble::failure && !fault_.reached.is_open();
        if (out.too_early)
            return out;
        out.at_rest = fault_.goes_on || rests();
        if (!out.at_rest && is_left_to_stream()) {
            out.left_to_stream = true;
            subject_.reset();
            out.at_rest = rests();
            look_at_end(out);
            return out;
        }
        out.left_open = site_.open_connections();
        if (!out.at_rest)
            return out; // whatever it is could take its time
        fault_.release.open();
        io_.restart();
        io_.run();
        out.other_good = fault_.other_first && other.good();
        out.next = run_call(hk::call_options());
        out.at_rest = rests() && out.at_rest;
        bool const limited = fault_.kind == trouble::connect_limit || fault_.kind == trouble::idle_limit ||
                             fault_.kind == trouble::total_limit;
        if (limited && out.next.code() == std::errc::timed_out)
            out.too_early = true;
        subject_.reset();
        look_at_end(out);
        return out;
    }

private:
    /// Without the client.
    void look_at_end(aftermath& out)
    {
        out.forgotten = site_.forgotten();
        out.left_at_end = site_.open_connections();
        out.requests = site_.server().requests();
        out.connections = site_.server().connections();
        out.tokens_asked_for = site_.tokens_asked_for();
    }

    /// Whether the caller alone gave up, of a stream that goes on for the next one.
    bool is_left_to_stream() const
    {
        return what_.reads_on && (fault_.kind == trouble::call_limit || fault_.kind == trouble::cancellation);
    }

    ending<std::string> run_call(hk::call_options const& options)
    {
        ending<std::string> end;
        io_.restart();
        start(io_.get_executor(), what_.call(&*subject_, options), end);
        if (fault_.other_first)
            stand_in_line(end);
        step_until(io_, [&end] { return end.happened(); });
        return end;
    }

    ending<std::string> run_and_cancel()
    {
        running_call<std::string> call(io_, what_.call(&*subject_, site_.call));
        if (fault_.other_first)
            stand_in_line(call.end);
        work_until(io_, [&] { return call.end.happened() || site_.stands_there(); });
        take_all_steps(io_);
        if (!call.end.happened())
            call.cancel();
        return call.end;
    }

    /// Lets the call come to where it waits for the other one.
    void stand_in_line(ending<std::string> const& end)
    {
        take_all_steps(io_);
        if (end.happened())
            return;
        fault_.reached.open();
        if (fault_.frees_early)
            fault_.release.open();
    }

    /// Whether nothing is left to do or to wait for.
    bool rests()
    {
        take_all_steps(io_);
        return io_.stopped();
    }

    operation const& what_;
    fault fault_;
    fault_site site_;
    net::io_context io_;
    std::optional<subject> subject_;
};

} // namespace test

#endif
