// What became of the processes that a test had started: seen without waiting for a time to pass.
#ifndef HDIKAFKA_TESTS_SUPPORT_CHILD_WATCH_HPP
#define HDIKAFKA_TESTS_SUPPORT_CHILD_WATCH_HPP

#include "support/identity/client_certificates.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace test {

/// Whether this process has no children at all, zombies included.
inline bool childless() { return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD; }

/// A FIFO that scripts open, and that their children inherit: it says whether one has begun, and when the
/// last of them is gone.
class life_line
{
public:
    explicit life_line(scratch_folder const& folder) : path_(folder.path("life"))
    {
        REQUIRE(::mkfifo(path_.c_str(), 0600) == 0);
        fifo_ = ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        REQUIRE(fifo_ >= 0);
    }
    life_line(life_line const&) = delete;
    life_line& operator=(life_line const&) = delete;
    ~life_line() { ::close(fifo_); }

    /// What a script begins with.
    std::string hold() const { return "exec 9>'" + path_ + "'; echo >&9; "; }

    /// Whether a script has begun since the last time that this was asked.
    bool begun() const
    {
        char text = '\0';
        return ::read(fifo_, &text, 1) == 1;
    }

    /// Whether all that hold it end, now that they should.
    bool ends() const
    {
        char text = '\0';
        for (;;) {
            pollfd look{fifo_, POLLIN, 0};
            constexpr int far_too_long = 30'000; // milliseconds
            if (::poll(&look, 1, far_too_long) != 1)
                return false;
            if (::read(fifo_, &text, 1) == 0)
                return true;
        }
    }

private:
    std::string path_;
    int fifo_ = -1;
};

} // namespace test

#endif
