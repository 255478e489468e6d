// Asio's three types of cancellation, and which of them ends a call.
#include "support/faults/operations.hpp"
#include "support/net/running.hpp"

#include <asio/cancellation_signal.hpp>
#include <asio/cancellation_state.hpp>
#include <asio/error.hpp>
#include <asio/this_coro.hpp>
#include <doctest/doctest.h>

#include <exception>
#include <string>

using namespace test;

namespace {

/// Lets every type through to what it awaits; by itself a coroutine lets terminal through alone.
net::awaitable<hk::result<std::string>> heed_all(operation const* what, subject* who)
{
    co_await net::this_coro::reset_cancellation_state(net::enable_total_cancellation());
    auto outcome = co_await hk::as_result(what->call(who, hk::call_options()));
    co_return outcome;
}

/// A call that waits for its answer.
class waiting_call
{
public:
    explicit waiting_call(operation const& what)
        : server_(script().read().tell(asked_).await(answer_).answer(good_answer).forever()),
          who_(io_.get_executor(), options_for(server_.endpoint()), what.from)
    {
        net::co_spawn(io_, heed_all(&what, &who_),
                      net::bind_cancellation_slot(
                          signal_.slot(), [this](std::exception_ptr failure, hk::result<std::string> value) {
                              if (failure)
                                  std::rethrow_exception(failure);
                              end.set(std::move(value));
                          }));
        work_until(io_, [this] { return asked_.is_open(); });
    }

    /// Cancels, and takes every step that can be taken then.
    void cancel(net::cancellation_type type)
    {
        signal_.emit(type);
        io_.restart();
        while (io_.poll() != 0) {
        }
    }

    void let_through()
    {
        answer_.open();
        work_until(io_, [this] { return end.happened(); });
    }

    ending<std::string> end;

private:
    gate asked_;
    gate answer_;
    scripted_server server_;
    net::io_context io_;
    subject who_;
    net::cancellation_signal signal_;
};

} // namespace

TEST_CASE("a terminal cancellation ends a call, alone or together with the others")
{
    for (operation const& what : all_operations())
        for (auto const type : {net::cancellation_type::terminal, net::cancellation_type::all}) {
            CAPTURE(what.name);
            waiting_call call(what);
            call.cancel(type);
            CHECK(call.end.code() == net::error::operation_aborted);
        }
}

TEST_CASE("a partial or total cancellation does nothing: the call goes on to its end")
{
    for (operation const& what : all_operations())
        for (auto const type : {net::cancellation_type::partial, net::cancellation_type::total,
                                net::cancellation_type::partial | net::cancellation_type::total}) {
            CAPTURE(what.name);
            waiting_call call(what);
            call.cancel(type);
            CHECK_FALSE(call.end.happened());
            call.let_through();
            REQUIRE(call.end.good());
            CHECK(call.end.get().value() == what.good);
        }
}

TEST_CASE("a call that went on in spite of a partial or total cancellation can still be ended")
{
    for (operation const& what : all_operations()) {
        CAPTURE(what.name);
        waiting_call call(what);
        call.cancel(net::cancellation_type::total);
        call.cancel(net::cancellation_type::partial);
        CHECK_FALSE(call.end.happened());
        call.cancel(net::cancellation_type::terminal);
        CHECK(call.end.code() == net::error::operation_aborted);
    }
}
