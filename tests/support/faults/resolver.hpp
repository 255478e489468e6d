// A name service for tests: what looking up a host comes to is said beforehand. It stands in for the C
// library's getaddrinfo, which Asio calls on a thread of its own.
#ifndef HDIKAFKA_TESTS_SUPPORT_FAULT_RESOLVER_HPP
#define HDIKAFKA_TESTS_SUPPORT_FAULT_RESOLVER_HPP

#include "support/base/gate.hpp"

#include <netdb.h>

#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace test {

/// What one look-up comes to, and when.
class lookup
{
public:
    /// An address, or "" for a host that does not exist.
    explicit lookup(std::string address) : addresses_(1, std::move(address)) { when_.open(); }

    /// The host has this address too, after those said before.
    lookup& then(std::string address)
    {
        addresses_.push_back(std::move(address));
        return *this;
    }

    /// Opens `asked` when it begins.
    lookup& tell(gate asked)
    {
        asked_ = std::move(asked);
        return *this;
    }

    /// Ends no sooner than `when` is opened.
    lookup& await(gate when)
    {
        when_ = std::move(when);
        return *this;
    }

    int answer(char const* service, addrinfo const* hints, addrinfo** found) const;

private:
    std::vector<std::string> addresses_;
    gate asked_;
    gate when_;
};

/// All look-ups of the program, once a test has planned one. Hosts are told apart by the port that is asked for with them: each test
/// server has one of its own.
class name_service
{
public:
    /// Whoever asks for it has the C library's getaddrinfo replaced in its program.
    static name_service& get();

    /// The look-ups to come, in turn; those beyond, and of other ports, find 127.0.0.1.
    void plan(unsigned port, std::vector<lookup> coming)
    {
        std::lock_guard const lock(mutex_);
        coming_[port] = std::move(coming);
    }

    bool stands_in() const
    {
        std::lock_guard const lock(mutex_);
        return !coming_.empty();
    }

    lookup next(unsigned port)
    {
        std::lock_guard const lock(mutex_);
        auto& coming = coming_[port];
        if (coming.empty())
            return lookup("127.0.0.1");
        lookup first = std::move(coming.front());
        coming.erase(coming.begin());
        return first;
    }

private:
    mutable std::mutex mutex_;
    std::map<unsigned, std::vector<lookup>> coming_;
};

} // namespace test

#endif
