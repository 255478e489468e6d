// What a scripted server does on a connection: a list of steps.
#ifndef HDIKAFKA_TESTS_SUPPORT_SCRIPT_HPP
#define HDIKAFKA_TESTS_SUPPORT_SCRIPT_HPP

#include "support/base/gate.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test {

/// A request as a scripted server saw it.
class seen_request
{
public:
    std::size_t connection = 0; ///< On which connection, from 0.
    std::string server_name;    ///< That TLS asked for (SNI); "(none)" without one.
    std::string line;           ///< "GET /v1/metadata/topics HTTP/1.1"
    std::string head;           ///< Line and fields as they came.
    std::string body;

    /// The value of a field by its name in lower case; "(none)" if it is not there.
    std::string field(std::string_view name) const
    {
        std::size_t at = head.find("\r\n");
        while (at != std::string::npos && at + 2 < head.size()) {
            auto const begin = at + 2;
            auto const colon = head.find(':', begin);
            at = head.find("\r\n", begin);
            if (colon == std::string::npos || at == std::string::npos || colon > at)
                continue;
            std::string found = head.substr(begin, colon - begin);
            for (char& c : found)
                if (c >= 'A' && c <= 'Z')
                    c = static_cast<char>(c - 'A' + 'a');
            if (found == name)
                return head.substr(colon + 2, at - colon - 2);
        }
        return "(none)";
    }
};

/// An answer in HTTP/1.1 with a Content-Length; `fields` are whole lines with their CR LF.
inline std::string http(int status, std::string_view body, std::string_view fields = "")
{
    return "HTTP/1.1 " + std::to_string(status) + " Test\r\nContent-Type: application/json\r\n" +
           std::string(fields) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           std::string(body);
}

/// Steps taken one after the other. When they are over the connection is closed politely.
class script
{
public:
    using reply = std::function<std::string(seen_request const&)>;

    enum class act : unsigned char
    {
        read,   // one request
        taste,  // some bytes, whatever they are
        send,   // bytes
        answer, // bytes made from the request read last
        tell,   // opens a gate
        await,  // waits for a gate
        stall,  // says nothing more, notices when the peer goes
        deaf,   // neither reads nor writes any more
        fin,    // ends the connection below TLS
        reset,  // drops it
        pour,   // sends the same bytes again and again until the peer goes
    };

    class step
    {
    public:
        explicit step(act what) : kind(what) {}

        act kind;
        std::string bytes;
        std::size_t piece = 0; // send in pieces of this size; 0: whole
        gate which;
        reply made;
    };

    script& read() { return add(step(act::read)); }
    script& taste() { return add(step(act::taste)); }
    script& send(std::string bytes, std::size_t piece = 0)
    {
        step one(act::send);
        one.bytes = std::move(bytes);
        one.piece = piece;
        return add(std::move(one));
    }
    script& answer(reply made)
    {
        step one(act::answer);
        one.made = std::move(made);
        return add(std::move(one));
    }
    script& tell(gate which) { return add(act::tell, std::move(which)); }
    script& await(gate which) { return add(act::await, std::move(which)); }
    script& stall() { return add(step(act::stall)); }
    script& deaf() { return add(step(act::deaf)); }
    script& fin() { return add(step(act::fin)); }
    script& reset() { return add(step(act::reset)); }
    script& pour(std::string bytes)
    {
        step one(act::pour);
        one.bytes = std::move(bytes);
        return add(std::move(one));
    }

    /// One request, then these bytes.
    script& serve(std::string bytes) { return read().send(std::move(bytes)); }

    /// Starts again after the last step, as long as the peer is there.
    script& forever()
    {
        forever_ = true;
        return *this;
    }

    /// Takes the connection and leaves the peer's TLS handshake unanswered.
    script& without_handshake()
    {
        handshake_ = false;
        return *this;
    }

    std::vector<step> const& steps() const noexcept { return steps_; }
    bool repeats() const noexcept { return forever_; }
    bool shakes_hands() const noexcept { return handshake_; }

private:
    script& add(step one)
    {
        steps_.push_back(std::move(one));
        return *this;
    }
    script& add(act what, gate which)
    {
        step one(what);
        one.which = std::move(which);
        return add(std::move(one));
    }

    std::vector<step> steps_;
    bool forever_ = false;
    bool handshake_ = true;
};

} // namespace test

#endif
