// result<T>: a value or an hk::error. Layer: values (no I/O, no Asio).
#ifndef HDIKAFKA_RESULT_HPP
#define HDIKAFKA_RESULT_HPP

#include <hdikafka/error.hpp>

#include <type_traits>
#include <utility>
#include <variant>

namespace hdikafka::inline v0_1 {

/// What a call gave: its value, or the error that it would have thrown. Inside the library every
/// expected failure travels like this; `hk::as_result(awaitable)` gives the same to users.
///
/// `value()` throws the error when there is no value. On an rvalue it returns the value itself, not
/// a reference into the dying result.
template <class T>
class [[nodiscard]] result
{
public:
    result() = default;
    /// A success.
    result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    /// A failure.
    result(hdikafka::error failure) : state_(std::in_place_index<1>, std::move(failure)) {}

    explicit operator bool() const noexcept { return state_.index() == 0; }

    /// The value. Throws the error when there is none.
    T& value() &
    {
        check();
        return *std::get_if<0>(&state_);
    }
    T const& value() const&
    {
        check();
        return *std::get_if<0>(&state_);
    }
    T value() &&
    {
        check();
        return std::move(*std::get_if<0>(&state_));
    }

    /// The error. Throws std::bad_variant_access when there is a value.
    hdikafka::error const& error() const { return std::get<1>(state_); }

private:
    void check() const
    {
        if (auto const* failure = std::get_if<1>(&state_))
            throw *failure;
    }

    std::variant<T, hdikafka::error> state_;
};

/// A result without a value: success, or the error.
template <>
class [[nodiscard]] result<void>
{
public:
    /// A success.
    result() = default;
    /// A failure.
    result(hdikafka::error failure) : state_(std::in_place_index<1>, std::move(failure)) {}

    explicit operator bool() const noexcept { return state_.index() == 0; }

    /// Throws the error when there is one.
    void value() const
    {
        if (auto const* failure = std::get_if<1>(&state_))
            throw *failure;
    }

    /// The error. Throws std::bad_variant_access after a success.
    hdikafka::error const& error() const { return std::get<1>(state_); }

private:
    std::variant<std::monostate, hdikafka::error> state_;
};

} // namespace hdikafka::inline v0_1

#endif
