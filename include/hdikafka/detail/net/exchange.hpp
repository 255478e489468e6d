// One HTTP exchange on one connection: write the request, read the answer.
#ifndef HDIKAFKA_DETAIL_NET_EXCHANGE_HPP
#define HDIKAFKA_DETAIL_NET_EXCHANGE_HPP

#include <hdikafka/detail/http/response_parser.hpp>
#include <hdikafka/detail/net/tls_stream.hpp>
#include <hdikafka/http_limits.hpp>
#include <hdikafka/result.hpp>

#include <cstddef>
#include <span>
#include <string_view>

namespace hdikafka::inline v0_1::detail {

/// Sends a request (a whole message) and reads its answer, as far as the socket goes along. The stream and
/// the request outlive it.
///
/// A write that fails is not yet the end: a server may have answered and closed without reading
/// everything, and its answer says more than "broken pipe".
template <class = void>
class exchange
{
public:
    exchange(tls_stream<>& stream, std::string_view request, http_limits const& limits)
        : stream_(stream), rest_(request), parser_(limits)
    {}

    /// Goes on until the socket has to be waited for (want_read, want_write, want_either), until there is an
    /// answer (done), or until none will come (failed).
    io_step advance()
    {
        if (!rest_.empty()) {
            io_step const written = send();
            if (written == io_step::want_read)
                return written;
            // A server that takes no more may have refused the request already (413).
            if (written == io_step::want_write)
                return receive_early();
            // An answer takes a round trip: looking for it at once would be in vain.
            if (written == io_step::done && !stream_.has_buffered())
                return io_step::want_read;
        }
        return conclude(receive());
    }

    bool sending() const noexcept { return !rest_.empty(); }

    /// Whether the whole request was written. Only then may the connection carry another one.
    bool sent() const noexcept { return lost_ && rest_.empty(); }

    /// Whether any byte of an answer has come.
    bool answered() const noexcept { return parser_.started(); }

    /// Why there is no answer.
    result<void> const& failure() const noexcept { return failure_; }

    /// The answer, once there is one.
    response_parser& answer() noexcept { return parser_; }

private:
    io_step receive_early()
    {
        io_step const reading = receive();
        return reading == io_step::want_read ? io_step::want_either : conclude(reading);
    }

    io_step conclude(io_step reading)
    {
        if (parser_.done())
            return io_step::done;
        if (!lost_)
            failure_ = lost_;
        else if (parser_.failed())
            failure_ = error(parser_.fault(), parser_.cause());
        else if (reading == io_step::failed)
            failure_ = stream_.failure();
        else
            return reading;
        return io_step::failed;
    }

    io_step send()
    {
        while (!rest_.empty()) {
            std::size_t count = 0;
            io_step const now = stream_.write(rest_, count);
            if (now == io_step::want_read || now == io_step::want_write)
                return now;
            if (now == io_step::done) {
                rest_ = rest_.subspan(count);
            } else {
                lost_ = stream_.failure();
                rest_ = std::span<char const>();
                return io_step::failed;
            }
        }
        return io_step::done;
    }

    io_step receive()
    {
        for (;;) {
            std::size_t count = 0;
            io_step const now = stream_.read(parser_.prepare(), count);
            if (now == io_step::closed)
                parser_.finish_eof();
            else if (now != io_step::done)
                return now;
            else
                parser_.commit(count);
            if (parser_.done() || parser_.failed())
                return io_step::done;
        }
    }

    tls_stream<>& stream_;
    std::span<char const> rest_; ///< Of the request, not written yet.
    response_parser parser_;
    result<void> lost_; ///< Why the rest of the request could not be written.
    result<void> failure_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
