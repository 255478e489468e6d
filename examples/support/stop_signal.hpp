// SIGINT and SIGTERM as a question, for a program that comes by often. For bulk_load.cpp.
#ifndef HDIKAFKA_EXAMPLES_SUPPORT_STOP_SIGNAL_HPP
#define HDIKAFKA_EXAMPLES_SUPPORT_STOP_SIGNAL_HPP

#include <atomic>
#include <csignal>

namespace examples {

/// Made once, before the work begins. The first signal is noted; a second of its kind ends the program at
/// once.
class stop_signal
{
public:
    stop_signal() noexcept
    {
        static_cast<void>(std::signal(SIGINT, note));
        static_cast<void>(std::signal(SIGTERM, note));
    }

    /// Whether one came.
    explicit operator bool() const noexcept { return noted; }

private:
    static void note(int number) noexcept
    {
        noted = true;
        static_cast<void>(std::signal(number, SIG_DFL));
    }

    static inline std::atomic<bool> noted = false;
    static_assert(std::atomic<bool>::is_always_lock_free, "for use in a signal handler");
};

} // namespace examples

#endif
