// A small HTTP client, with TLS or without, for tests of the server side that shares no code with the
// library: blocking, one connection, raw text in and out.
#ifndef HDIKAFKA_TESTS_BLOCKING_PEER_HPP
#define HDIKAFKA_TESTS_BLOCKING_PEER_HPP

#include <hdikafka/detail/run/asio.hpp>

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ssl.hpp>
#include <asio/write.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace test {

namespace net = hdikafka::net;

class raw_answer
{
public:
    int status = 0;
    std::string head; ///< Status line and fields, with the blank line.
    std::string body;

    std::string field(std::string_view name) const
    {
        std::string const key = "\r\n" + std::string(name) + ": ";
        std::size_t const at = head.find(key);
        if (at == std::string::npos)
            return {};
        return head.substr(at + key.size(), head.find("\r\n", at + key.size()) - at - key.size());
    }
};

class blocking_peer
{
public:
    /// Throws when the connection or the handshake fails. `name` is what the certificate must be for.
    blocking_peer(std::uint16_t port, std::string const& ca_pem, std::string const& name = "127.0.0.1")
        : context_(net::ssl::context::tls_client), stream_(*io_, context_)
    {
        if (!ca_pem.empty())
            context_.add_certificate_authority(net::buffer(ca_pem));
        stream_.set_verify_mode(net::ssl::verify_peer);
        stream_.set_verify_callback(net::ssl::host_name_verification(name));
        stream_.next_layer().connect({net::ip::make_address("127.0.0.1"), port});
        stream_.handshake(net::ssl::stream_base::client);
    }

    /// Without TLS. Throws when the connection fails.
    explicit blocking_peer(std::uint16_t port)
        : context_(net::ssl::context::tls_client), stream_(*io_, context_), plain_(true)
    {
        stream_.next_layer().connect({net::ip::make_address("127.0.0.1"), port});
    }

    void send(std::string_view text)
    {
        if (plain_)
            net::write(stream_.next_layer(), net::buffer(text));
        else
            net::write(stream_, net::buffer(text));
    }

    /// Beneath TLS, if there is any.
    net::ip::tcp::socket& socket() { return stream_.next_layer(); }

    /// The next answer; status 0 when the connection ends instead. One to HEAD has no body.
    raw_answer receive(bool to_head = false)
    {
        raw_answer out;
        while (buffer_.find("\r\n\r\n") == std::string::npos)
            if (!read_some())
                return out;
        std::size_t const head = buffer_.find("\r\n\r\n") + 4;
        out.head = take(head);
        std::string const length = out.field("Content-Length");
        std::size_t const size = length.empty() || to_head ? 0 : std::stoul(length);
        while (buffer_.size() < size)
            if (!read_some())
                return out;
        out.body = take(size);
        out.status = std::stoi(out.head.substr(9, 3));
        return out;
    }

    /// Whether the server ends the connection without another byte.
    bool ended() { return buffer_.empty() && !read_some(); }

    raw_answer exchange(std::string_view method, std::string_view target, std::string_view token,
                        std::string_view body = "", std::string_view type = "application/json")
    {
        std::string text =
            std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n";
        if (!token.empty())
            text += "Authorization: Bearer " + std::string(token) + "\r\n";
        if (!body.empty())
            text += "Content-Type: " + std::string(type) +
                    "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
        text += "\r\n" + std::string(body);
        send(text);
        return receive();
    }

    /// A token of the emulator's default application.
    std::string fetch_token()
    {
        auto const answer =
            exchange("POST", "/emulator-tenant/oauth2/v2.0/token", "",
                     "client_id=emulator-client&client_secret=emulator-secret&grant_type="
                     "client_credentials&scope=https%3A%2F%2Fhib.azurehdinsight.net%2F.default",
                     "application/x-www-form-urlencoded");
        std::string_view const before = "\"access_token\":\"";
        std::size_t const at = answer.body.find(before) + before.size();
        return answer.status == 200 ? answer.body.substr(at, answer.body.find('"', at) - at) : std::string();
    }

private:
    bool read_some()
    {
        net::error_code failure;
        std::array<char, 16'384> piece{};
        std::size_t const count = plain_ ? stream_.next_layer().read_some(net::buffer(piece), failure)
                                         : stream_.read_some(net::buffer(piece), failure);
        buffer_.append(piece.data(), count);
        return !failure;
    }

    std::string take(std::size_t count)
    {
        std::string out = buffer_.substr(0, count);
        buffer_.erase(0, count);
        return out;
    }

    std::unique_ptr<net::io_context> io_ = std::make_unique<net::io_context>(); // stays where it is
    net::ssl::context context_;
    net::ssl::stream<net::ip::tcp::socket> stream_;
    bool plain_ = false;
    std::string buffer_;
};

} // namespace test

#endif
