// as_result: a call's outcome as a value instead of an exception.
#ifndef HDIKAFKA_AS_RESULT_HPP
#define HDIKAFKA_AS_RESULT_HPP

#include <hdikafka/detail/run/asio.hpp>
#include <hdikafka/result.hpp>

#include <system_error>
#include <type_traits>
#include <utility>

namespace hdikafka::inline v0_1 {

/// Awaits `call` and gives an hk::result instead of throwing hk::error:
/// `auto topics = co_await hk::as_result(client.topics());`
///
/// - Effect: that of the call, which begins when the result is awaited.
/// - Completion: that of the call, on the caller's executor.
/// - Errors: a system_error of Asio's own is taken in as an hk::error with its code; anything else
///   (std::bad_alloc, what a user's callback throws) passes. What throws while the arguments are built is
///   outside, and so is a coroutine that was cancelled before: there Asio throws at the await, before
///   this function runs (unless it was told `throw_if_cancelled(false)`).
/// - Cancellation: reaches the call; its outcome becomes the result (asio::error::operation_aborted).
/// - Lifetime: the awaitable is taken by value and owns the call.
/// - Thread safety: that of the call.
template <class T>
net::awaitable<result<T>> as_result(net::awaitable<T> call)
{
    try {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(call);
            co_return result<void>();
        } else {
            T value = co_await std::move(call);
            co_return result<T>(std::move(value));
        }
    } catch (error const& failure) {
        co_return result<T>(failure);
    } catch (std::system_error const& failure) {
        co_return result<T>(error(failure.code()));
    }
}

} // namespace hdikafka::inline v0_1

#endif
