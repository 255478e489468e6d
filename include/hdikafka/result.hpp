// result<T>: a value or an hk::error.
#ifndef HDIKAFKA_RESULT_HPP
#define HDIKAFKA_RESULT_HPP

#include <hdikafka/error.hpp>

#include <concepts>
#include <memory>
#include <stdexcept>
#include <utility>

namespace hdikafka::inline v0_1 {

template <class T>
class result;

/// A result without a value: success, or the error.
template <>
class [[nodiscard]] result<void>
{
public:
    /// A success.
    result() = default;
    /// A failure.
    result(hdikafka::error failure) : failure_(std::make_shared<hdikafka::error const>(std::move(failure))) {}

    explicit operator bool() const noexcept { return failure_ == nullptr; }

    /// Throws the error when there is one.
    void value() const
    {
        if (failure_)
            throw *failure_;
    }

    /// The error. Throws std::logic_error after a success.
    hdikafka::error const& error() const
    {
        if (!failure_)
            throw std::logic_error("hdikafka: a success has no error");
        return *failure_;
    }

private:
    std::shared_ptr<hdikafka::error const> failure_; // one pointer to look at where all goes well
};

/// What a call gave: its value, or the error that it would have thrown. Inside the library every
/// expected failure travels like this; `hk::as_result(awaitable)` gives the same to users.
///
/// `value()` throws the error when there is no value. On an rvalue it returns the value itself, not
/// a reference into the dying result. Copying and moving do what they do for T; a result that was
/// moved from is still a success or a failure.
template <class T>
class [[nodiscard]] result
{
public:
    /// A success with the value T().
    result() : value_() {}
    /// A success.
    result(T value) : value_(std::move(value)) {}
    /// A failure.
    result(hdikafka::error failure) : state_(std::move(failure)) {}

    result(result const& other)
        requires std::copy_constructible<T>
        : state_(other.state_)
    {
        if (state_)
            std::construct_at(&value_, other.value_);
    }
    // NOLINTNEXTLINE(cert-oop11-cpp,performance-move-constructor-init): the other stays what it is
    result(result&& other) noexcept : state_(other.state_)
    {
        if (state_)
            std::construct_at(&value_, std::move(other.value_));
    }
    result& operator=(result other) noexcept
    {
        clear();
        state_ = other.state_;
        if (state_)
            std::construct_at(&value_, std::move(other.value_));
        return *this;
    }
    ~result() { clear(); }

    explicit operator bool() const noexcept { return static_cast<bool>(state_); }

    /// The value. Throws the error when there is none.
    T& value() &
    {
        state_.value();
        return value_;
    }
    T const& value() const&
    {
        state_.value();
        return value_;
    }
    T value() &&
    {
        state_.value();
        return std::move(value_);
    }

    /// The error. Throws std::logic_error when there is a value.
    hdikafka::error const& error() const { return state_.error(); }

private:
    void clear() noexcept
    {
        if (state_)
            std::destroy_at(&value_);
    }

    result<void> state_;
    union
    {
        T value_; // lives when state_ is a success
    };
};

} // namespace hdikafka::inline v0_1

#endif
