// Operations without a client: what children and waiters are tried with.
#ifndef HDIKAFKA_TESTS_SUPPORT_RUN_OPERATIONS_HPP
#define HDIKAFKA_TESTS_SUPPORT_RUN_OPERATIONS_HPP

#include <hdikafka/detail/run/operation.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <new>
#include <utility>

namespace test {

namespace hk = hdikafka;
namespace hkd = hk::detail;

/// Makes operations on one executor.
class operation_maker
{
public:
    explicit operation_maker(asio::any_io_executor executor)
        : shelf_(std::make_shared<hkd::timer_shelf<>>(std::move(executor)))
    {}

    /// Without a `limit` it waits for ever.
    hkd::operation_ptr operation() const
    {
        return std::make_shared<hkd::operation<>>(shelf_, hkd::steady_clock::time_point::max());
    }
    hkd::operation_ptr operation(std::chrono::milliseconds limit) const
    {
        return std::make_shared<hkd::operation<>>(shelf_, hkd::steady_clock::now() + limit);
    }

private:
    hkd::shelf_ptr shelf_;
};

/// The executor of `io`, but there is no memory for what it is to do while `full` says so.
class full_executor
{
public:
    full_executor(asio::io_context& io, std::atomic<bool> const& full) : io_(&io), full_(&full) {}

    asio::execution_context& query(asio::execution::context_t) const noexcept { return *io_; }
    static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept
    {
        return asio::execution::blocking.never;
    }
    full_executor require(asio::execution::blocking_t::never_t) const noexcept { return *this; }

    template <class Function>
    void execute(Function function) const
    {
        if (*full_)
            throw std::bad_alloc();
        asio::post(*io_, std::move(function));
    }

    friend bool operator==(full_executor const&, full_executor const&) noexcept = default;

private:
    asio::io_context* io_;
    std::atomic<bool> const* full_;
};

} // namespace test

#endif
