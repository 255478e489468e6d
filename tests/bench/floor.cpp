// The floor: OpenSSL on a blocking socket. Requests are ready-made; of an answer only the end is looked for.
#include "bench.hpp"

#include <openssl/ssl.h>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <charconv>
#include <memory>
#include <vector>

namespace {

using context_ptr = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

int connected_socket(bench::task const& task)
{
    addrinfo hints = {};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST;
    addrinfo* address = nullptr;
    bench::require(getaddrinfo(task.host.c_str(), task.port.c_str(), &hints, &address) == 0, "no address");
    int const descriptor = socket(address->ai_family, address->ai_socktype, 0);
    int const on = 1;
    bool const connected = connect(descriptor, address->ai_addr, address->ai_addrlen) == 0 &&
                           setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
    freeaddrinfo(address);
    bench::require(connected, "not connected");
    return descriptor;
}

class connection
{
public:
    connection(SSL_CTX* context, bench::task const& task)
        : descriptor_(connected_socket(task)), session_(SSL_new(context))
    {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session_), task.host.c_str());
        bench::require(SSL_set_fd(session_, descriptor_) == 1 && SSL_connect(session_) == 1, "no handshake");
    }
    connection(connection const&) = delete;
    connection& operator=(connection const&) = delete;
    ~connection()
    {
        SSL_free(session_);
        close(descriptor_);
    }

    void exchange(std::string const& request, std::vector<char>& buffer)
    {
        bench::require(SSL_write(session_, request.data(), static_cast<int>(request.size())) ==
                           static_cast<int>(request.size()),
                       "not written");
        std::size_t have = 0;
        std::size_t whole = 0;
        while (whole == 0 || have < whole) {
            bench::require(have < buffer.size(), "too long an answer");
            int const read = SSL_read(session_, buffer.data() + have, static_cast<int>(buffer.size() - have));
            bench::require(read > 0, "not read");
            have += static_cast<std::size_t>(read);
            if (whole == 0)
                whole = size_of_answer({buffer.data(), have});
        }
        bench::require(have == whole, "more than one answer");
    }

private:
    /// 0 until the header section is complete.
    static std::size_t size_of_answer(std::string_view text)
    {
        auto const end = text.find("\r\n\r\n");
        if (end == std::string_view::npos)
            return 0;
        bench::require(text.substr(0, 12) == "HTTP/1.1 200", "not a success");
        std::string_view constexpr name = "\r\nContent-Length: ";
        auto const length = text.find(name);
        std::size_t size = 0;
        bench::require(
            length < end &&
                std::from_chars(text.data() + length + name.size(), text.data() + text.size(), size).ec ==
                    std::errc(),
            "no length");
        return end + 4 + size;
    }

    int descriptor_;
    SSL* session_;
};

std::string ready_request(bench::task const& task, int nth)
{
    std::string const common = " HTTP/1.1\r\nHost: " + task.host + ":" + task.port +
                               "\r\nAuthorization: Bearer " + task.token +
                               "\r\nAccept: application/json\r\nUser-Agent: floor\r\n";
    if (!task.produces())
        return "GET " + task.path(nth) + common + "\r\n";
    std::string const body = R"({"records":[{"value":")" + bench::record_value + R"("}]})";
    return "POST " + task.path(nth) + common +
           "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           body;
}

void measured(bench::task const& task)
{
    context_ptr const context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    bench::require(SSL_CTX_load_verify_file(context.get(), task.ca_file.c_str()) == 1, "no authorities");
    std::string request = ready_request(task, 0);
    std::vector<char> buffer(256 * 1024);

    bool const idle = task.mode == "idle";
    std::vector<std::unique_ptr<connection>> connections;
    for (int i = 0; i < (idle ? task.count : 1); ++i)
        connections.push_back(std::make_unique<connection>(context.get(), task));
    for (int i = 0; i < task.count; ++i) {
        if (task.streams())
            request = ready_request(task, i);
        connections[idle ? static_cast<std::size_t>(i) : 0]->exchange(request, buffer);
    }
    bench::report();
}

} // namespace

int main(int argc, char** argv) { return bench::run(argc, argv, measured); }
