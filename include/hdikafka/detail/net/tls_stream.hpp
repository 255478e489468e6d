// A TCP connection with TLS on it, or without.
//
// OpenSSL drives the non-blocking socket itself through a small BIO; nothing is copied through memory
// BIOs. Every step returns at once and says what it needs: the caller waits for the socket with
// async_wait and takes the step again. The socket writes with MSG_NOSIGNAL (Asio's doing, OpenSSL's
// own socket BIO would not), so that a peer that has gone cannot end the process with SIGPIPE.
#ifndef HDIKAFKA_DETAIL_NET_TLS_STREAM_HPP
#define HDIKAFKA_DETAIL_NET_TLS_STREAM_HPP

#include <hdikafka/detail/net/tls_context.hpp>
#include <hdikafka/detail/net/tls_failure.hpp>
#include <hdikafka/detail/run/asio_io.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// What a step of the stream came to.
enum class io_step : unsigned char
{
    done,
    want_read,   ///< Take the step again when the socket is readable.
    want_write,  ///< Take the step again when the socket is writable.
    want_either, ///< Take the step again when the socket is writable or readable.
    closed,      ///< The peer closed in an orderly way: FIN without TLS, close_notify with it.
    failed,      ///< See failure().
};

/// Whether the step is to be taken again when the socket is ready.
inline bool wants_socket(io_step step) noexcept
{
    return step == io_step::want_read || step == io_step::want_write || step == io_step::want_either;
}

template <class = void>
class tls_stream
{
public:
    explicit tls_stream(net::any_io_executor const& executor) : socket_(executor) {}
    tls_stream(tls_stream const&) = delete;
    tls_stream& operator=(tls_stream const&) = delete;

    net::ip::tcp::socket& socket() noexcept { return socket_; }

    /// Puts TLS on the connected socket; handshake() comes next. Without it bytes go in the clear.
    result<void> use_tls(SSL_CTX* context, std::string const& host, bool is_address)
    {
        auto session = make_tls_session(context, host, is_address);
        if (!session)
            return session.error();
        session_ = std::move(session).value();
        BIO* const bio = BIO_new(socket_bio());
        if (!bio)
            return error(errc::tls_failed, take_openssl_reason());
        BIO_set_data(bio, this);
        BIO_set_init(bio, 1);
        SSL_set_bio(session_.get(), bio, bio);
        return {};
    }

    /// Null without TLS.
    SSL* tls() const noexcept { return session_.get(); }

    io_step handshake()
    {
        forget_errors();
        int const returned = SSL_do_handshake(session_.get());
        return returned == 1 ? io_step::done : after(returned, true);
    }

    io_step read(std::span<char> into, std::size_t& count)
    {
        if (!session_)
            return plain(count, io_step::want_read, [&](std::error_code& ec) {
                return socket_.read_some(net::mutable_buffer(into.data(), into.size()), ec);
            });
        forget_errors();
        int const returned = SSL_read_ex(session_.get(), into.data(), into.size(), &count);
        return returned == 1 ? io_step::done : after(returned, false);
    }

    io_step write(std::span<char const> from, std::size_t& count)
    {
        if (!session_)
            return plain(count, io_step::want_write, [&](std::error_code& ec) {
                return socket_.write_some(net::const_buffer(from.data(), from.size()), ec);
            });
        forget_errors();
        int const returned = SSL_write_ex(session_.get(), from.data(), from.size(), &count);
        return returned == 1 ? io_step::done : after(returned, false);
    }

    /// `co_await`: waits until the socket is ready for what the step wants; false when the operation was
    /// interrupted.
    operation<>::readiness ready(operation<>& op, io_step wanted)
    {
        auto const what =
            wanted == io_step::want_read ? net::socket_base::wait_read : net::socket_base::wait_write;
        return op.ready(socket_, what, wanted == io_step::want_either);
    }

    /// Whether bytes have arrived already that a read would look at first.
    bool has_buffered() const noexcept { return session_ && SSL_has_pending(session_.get()) != 0; }

    /// Whether an idle connection may carry the next request: no answer waits on it and it is open.
    bool quiet()
    {
        char byte = 0;
        if (!has_buffered()) {
            std::error_code ec;
            socket_.receive(net::mutable_buffer(&byte, 1), net::socket_base::message_peek, ec);
            if (ec == net::error::would_block || ec == net::error::try_again)
                return true;
            if (ec || !session_)
                return false;
        }
        // In TLS 1.3 it may be something of TLS itself, such as a session ticket. Before, it is the end or
        // the wish to negotiate anew, and a server whose wish is not granted may go in the middle of a
        // request.
        if (SSL_version(session_.get()) < TLS1_3_VERSION)
            return false;
        std::size_t count = 0;
        return read(std::span<char>(&byte, 1), count) == io_step::want_read;
    }

    /// Bytes handed to the kernel so far, TLS's own included.
    std::uint64_t bytes_out() const noexcept { return bytes_out_; }
    /// Bytes taken from it.
    std::uint64_t bytes_in() const noexcept { return bytes_in_; }

    /// Why the last step failed.
    error const& failure() const noexcept { return failure_; }

    /// Whether it failed because the server did not accept this client when TLS was negotiated: nothing that
    /// was written since has reached anybody (in TLS 1.3 the client sends before it knows).
    bool refused() const noexcept { return refused_; }

    /// Says goodbye (close_notify) without waiting for an answer, and closes. For connections at rest.
    void close_politely() noexcept
    {
        if (session_ && SSL_is_init_finished(session_.get())) {
            ERR_clear_error();
            SSL_shutdown(session_.get());
            ERR_clear_error();
        }
        std::error_code ignored;
        socket_.close(ignored);
    }

private:
    /// SSL_get_error() looks at the whole thread's errors. Most often there are none to forget.
    static void forget_errors() noexcept
    {
        if (ERR_peek_error() != 0)
            ERR_clear_error();
    }

    template <class Transfer>
    io_step plain(std::size_t& count, io_step wanted, Transfer transfer)
    {
        std::error_code ec;
        count = transfer(ec);
        (wanted == io_step::want_write ? bytes_out_ : bytes_in_) += count;
        if (!ec)
            return io_step::done;
        if (ec == net::error::would_block || ec == net::error::try_again)
            return wanted;
        if (ec == net::error::eof)
            return io_step::closed;
        failure_ = error(errc::connection_lost, ec.message());
        return io_step::failed;
    }

    io_step after(int returned, bool in_handshake)
    {
        switch (SSL_get_error(session_.get(), returned)) {
        case SSL_ERROR_WANT_READ: return io_step::want_read;
        case SSL_ERROR_WANT_WRITE:
            if (!write_error_)
                return io_step::want_write;
            break;
        case SSL_ERROR_ZERO_RETURN:
            if (!in_handshake)
                return io_step::closed;
            eof_ = true;
            break;
        default: break;
        }
        failure_ = describe(in_handshake);
        return io_step::failed;
    }

    error describe(bool in_handshake)
    {
        unsigned long const code = ERR_get_error();
        ERR_clear_error();
        if (in_handshake && SSL_get_verify_result(session_.get()) != X509_V_OK &&
            (SSL_get_verify_mode(session_.get()) & SSL_VERIFY_PEER) != 0)
            return certificate_failure(session_.get());
        if (int const alert = received_alert(code)) {
            refused_ = SSL_version(session_.get()) >= TLS1_3_VERSION && refuses_client(alert);
            return protocol_failure(code);
        }
        if (read_error_ || write_error_)
            return error(errc::connection_lost, (read_error_ ? read_error_ : write_error_).message());
        if (eof_ && in_handshake)
            return error(errc::connection_lost, "the server closed the connection during the TLS handshake");
        if (eof_)
            return error(errc::truncated);
        return protocol_failure(code);
    }

    static tls_stream& self(BIO* bio) noexcept { return *static_cast<tls_stream*>(BIO_get_data(bio)); }

    static int bio_read(BIO* bio, char* into, std::size_t size, std::size_t* count)
    {
        tls_stream& stream = self(bio);
        std::error_code ec;
        *count = stream.socket_.read_some(net::mutable_buffer(into, size), ec);
        stream.bytes_in_ += *count;
        BIO_clear_retry_flags(bio);
        if (ec == net::error::would_block || ec == net::error::try_again)
            BIO_set_retry_read(bio);
        else if (ec == net::error::eof)
            stream.eof_ = true;
        else
            stream.read_error_ = ec;
        return ec ? 0 : 1;
    }

    /// A write that fails is to OpenSSL one that has to wait: it still reads then what the peer said before
    /// it went, most of all an alert.
    static int bio_write(BIO* bio, char const* from, std::size_t size, std::size_t* count)
    {
        tls_stream& stream = self(bio);
        std::error_code ec;
        *count = stream.socket_.write_some(net::const_buffer(from, size), ec);
        stream.bytes_out_ += *count;
        BIO_clear_retry_flags(bio);
        if (ec)
            BIO_set_retry_write(bio);
        if (ec && ec != net::error::would_block && ec != net::error::try_again)
            stream.write_error_ = ec;
        return ec ? 0 : 1;
    }

    static long bio_control(BIO* bio, int command, long, void*)
    {
        if (command == BIO_CTRL_EOF)
            return self(bio).eof_ ? 1 : 0;
        return command == BIO_CTRL_FLUSH ? 1 : 0;
    }

    static BIO_METHOD const* socket_bio()
    {
        // Kept for the life of the process: sessions may outlive every object with a destructor.
        static BIO_METHOD const* const method = [] {
            BIO_METHOD* const made =
                BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "hdikafka socket");
            BIO_meth_set_read_ex(made, &tls_stream::bio_read);
            BIO_meth_set_write_ex(made, &tls_stream::bio_write);
            BIO_meth_set_ctrl(made, &tls_stream::bio_control);
            return made;
        }();
        return method;
    }

    net::ip::tcp::socket socket_;
    ssl_ptr session_;
    error failure_{errc::connection_lost};
    std::error_code read_error_;
    std::error_code write_error_;
    std::uint64_t bytes_out_ = 0;
    std::uint64_t bytes_in_ = 0;
    bool eof_ = false;
    bool refused_ = false;
};

} // namespace hdikafka::inline v0_1::detail

#endif
