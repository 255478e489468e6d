// How many bytes the emulator's connections hold together: a pure decision, behind a lock.
#ifndef HDIKAFKA_DETAIL_EMULATOR_CONNECTION_BUDGET_HPP
#define HDIKAFKA_DETAIL_EMULATOR_CONNECTION_BUDGET_HPP

#include <hdikafka/version.hpp>

#include <algorithm>
#include <cstddef>
#include <mutex>

namespace hdikafka::inline v0_1::detail::emulation {

/// A little is each connection's own and not counted, so that ordinary requests always pass; the number of
/// connections bounds it. Of the rest, those that have shown no good token may have a quarter: they cannot
/// keep out those that have. From any thread.
class connection_budget
{
public:
    static constexpr std::size_t own = 16 * 1024;

    class share;

    explicit connection_budget(std::size_t most) noexcept : most_(most) {}

    std::size_t used() const
    {
        std::lock_guard const lock(mutex_);
        return known_ + strangers_;
    }

private:
    mutable std::mutex mutex_;
    std::size_t most_;
    std::size_t known_ = 0;     ///< What connections with a good token hold.
    std::size_t strangers_ = 0; ///< What all others do.
};

/// What one connection has of it, given back at its end.
class connection_budget::share
{
public:
    explicit share(connection_budget& all) noexcept : all_(all) {}
    share(share const&) = delete;
    share& operator=(share const&) = delete;
    ~share() { hold(0, known_); }

    /// The connection wants to hold `bytes` in all from now on. When that is more than there is room for,
    /// false; then nothing has changed.
    bool try_hold(std::size_t bytes, bool known)
    {
        std::lock_guard const lock(all_.mutex_);
        std::size_t const wanted = counted(bytes);
        std::size_t const others = all_.known_ + all_.strangers_ - held_;
        std::size_t const strangers = all_.strangers_ - (known_ ? 0 : held_);
        bool const fits = wanted <= all_.most_ - std::min(all_.most_, others) &&
                          (known || wanted <= all_.most_ / 4 - std::min(all_.most_ / 4, strangers));
        if (fits || wanted <= held_)
            change(wanted, known);
        return fits || wanted <= held_;
    }

    /// It holds them, whether there is room or not.
    void hold(std::size_t bytes, bool known)
    {
        std::lock_guard const lock(all_.mutex_);
        change(counted(bytes), known);
    }

private:
    static std::size_t counted(std::size_t bytes) noexcept { return bytes > own ? bytes - own : 0; }

    void change(std::size_t wanted, bool known) noexcept
    {
        (known_ ? all_.known_ : all_.strangers_) -= held_;
        held_ = wanted;
        known_ = known;
        (known_ ? all_.known_ : all_.strangers_) += held_;
    }

    connection_budget& all_;
    std::size_t held_ = 0;
    bool known_ = false;
};

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
