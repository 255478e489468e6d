// What an HTTP proxy does with a connection: opens a tunnel, or not, and where it cuts it.
#ifndef HDIKAFKA_TESTS_SUPPORT_TUNNEL_PLAN_HPP
#define HDIKAFKA_TESTS_SUPPORT_TUNNEL_PLAN_HPP

#include "support/base/gate.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

namespace test {

/// How the proxy leaves a connection.
enum class parting : unsigned char
{
    close, // properly
    reset,
    stall, // not at all: it says nothing more, and notices when the peer goes
    pour,  // likewise, but it says its last words again and again
};

/// Which way bytes go through a tunnel.
enum class way : unsigned char
{
    up, // to the target
    down,
};

/// Where in a TLS record.
enum class place : unsigned char
{
    begin,
    middle,
    end,
};

/// Counts the records of TLS (RFC 8446 §5.1) that go one way.
class record_counter
{
public:
    /// Whether the next byte stands at this place of the record with this number, from 0.
    bool is_at(std::size_t record, place where) const noexcept
    {
        if (record != whole_ || where == place::begin || at_ < head_size)
            return record == whole_ && where == place::begin && at_ == 0;
        return at_ == (where == place::middle ? std::max(head_size, size_ / 2) : size_ - 1);
    }

    void take(char byte) noexcept
    {
        size_ = at_ == 3 || at_ == 4 ? size_ * 256 + static_cast<unsigned char>(byte) : size_;
        size_ += ++at_ == head_size ? head_size : 0;
        if (at_ < head_size || at_ < size_)
            return;
        ++whole_;
        at_ = size_ = 0;
    }

    /// How many have gone by.
    std::size_t whole() const noexcept { return whole_; }

private:
    static constexpr std::size_t head_size = 5;

    std::size_t whole_ = 0;
    std::size_t at_ = 0;   // in the current one
    std::size_t size_ = 0; // of the current one, head included
};

/// What the proxy does with one connection. By default it opens the tunnel and passes everything on.
class tunnel_plan
{
public:
    tunnel_plan() = default;

    /// Opens no tunnel: this is its answer, and then it leaves.
    tunnel_plan& answer(std::string bytes, parting how = parting::stall)
    {
        refuses = true;
        words = std::move(bytes);
        leaving = how;
        return *this;
    }

    /// Opens the tunnel with these words, in pieces of this size.
    tunnel_plan& opens_with(std::string bytes, std::size_t size)
    {
        words = std::move(bytes);
        piece = size;
        return *this;
    }

    /// Cuts the tunnel when the byte at this place arrives, which is passed on no more.
    tunnel_plan& cut(way in, std::size_t number, place where, parting how)
    {
        cuts = true;
        direction = in;
        record = number;
        spot = where;
        leaving = how;
        return *this;
    }

    /// Opens the gate when it has said what it has to say.
    tunnel_plan& tell(gate which)
    {
        told = std::move(which);
        return *this;
    }

    bool refuses = false;
    bool cuts = false;
    std::string words = "HTTP/1.1 200 Connection established\r\n\r\n";
    std::size_t piece = 0; // 0: all at once
    parting leaving = parting::close;
    way direction = way::up;
    std::size_t record = 0;
    place spot = place::begin;
    gate told;
};

} // namespace test

#endif
