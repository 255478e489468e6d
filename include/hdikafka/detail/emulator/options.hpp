// The emulator's options: who may come, what it holds, and which form its answers have.
#ifndef HDIKAFKA_DETAIL_EMULATOR_OPTIONS_HPP
#define HDIKAFKA_DETAIL_EMULATOR_OPTIONS_HPP

#include <hdikafka/detail/emulator/federation.hpp>
#include <hdikafka/detail/emulator/forms.hpp>
#include <hdikafka/detail/emulator/quirks.hpp>
#include <hdikafka/milliseconds.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1 {

/// The wall clock as the service counts it.
using emulator_time = std::chrono::sys_time<milliseconds>;

/// The options of hk::emulator. All have defaults; the setters can be chained.
class emulator_options
{
public:
    emulator_options() = default;

    /// The address to listen on (an IPv4 or IPv6 address, not a name; 127.0.0.1 by default) and the
    /// port; 0, the default, takes a free one.
    emulator_options& listen(std::string address, std::uint16_t port = 0) &
    {
        port_ = port;
        return set(address_, std::move(address));
    }
    emulator_options&& listen(std::string address, std::uint16_t port = 0) &&
    {
        return std::move(listen(std::move(address), port));
    }
    /// The first argument of listen().
    std::string const& address() const noexcept { return address_; }
    /// The second argument of listen(); emulator::port() has the one that was bound.
    std::uint16_t port() const noexcept { return port_; }

    /// The host that endpoint() and authority_host() name. By default the address listened on, or
    /// the loopback address when that is the unspecified one.
    emulator_options& advertise(std::string host) & { return set(advertise_, std::move(host)); }
    emulator_options&& advertise(std::string host) && { return moved(advertise_, std::move(host)); }
    std::string const& advertise() const noexcept { return advertise_; }

    /// A certificate chain and its key, both as PEM text. Without them one is made when the emulator
    /// starts.
    emulator_options& certificate(std::string chain_pem, std::string key_pem) &
    {
        key_pem_ = std::move(key_pem);
        return set(certificate_pem_, std::move(chain_pem));
    }
    emulator_options&& certificate(std::string chain_pem, std::string key_pem) &&
    {
        return std::move(certificate(std::move(chain_pem), std::move(key_pem)));
    }
    /// The first argument of certificate(); empty when one is to be made.
    std::string const& certificate_pem() const noexcept { return certificate_pem_; }
    /// The second argument of certificate().
    std::string const& key_pem() const noexcept { return key_pem_; }

    /// Another host name for which the made certificate is to be valid, besides localhost, 127.0.0.1
    /// and ::1: for programs whose endpoint cannot be changed and whose resolver can.
    emulator_options& host_name(std::string name) &
    {
        host_names_.push_back(std::move(name));
        return *this;
    }
    emulator_options&& host_name(std::string name) && { return std::move(host_name(std::move(name))); }
    /// All arguments of host_name().
    std::vector<std::string> const& host_names() const noexcept { return host_names_; }

    /// The clock by which records are stamped, tokens expire and topics become visible. By default
    /// the system's time at the start, moved on by a monotonic clock. It is called on any thread of
    /// the executor.
    emulator_options& clock(std::function<emulator_time()> now) & { return set(clock_, std::move(now)); }
    emulator_options&& clock(std::function<emulator_time()> now) && { return moved(clock_, std::move(now)); }
    std::function<emulator_time()> const& clock() const noexcept { return clock_; }

    /// The tenant whose authority this is. [A-Za-z0-9.-]+; it need not be a GUID.
    emulator_options& tenant(std::string value) & { return set(tenant_, std::move(value)); }
    emulator_options&& tenant(std::string value) && { return moved(tenant_, std::move(value)); }
    std::string const& tenant() const noexcept { return tenant_; }

    /// The application that may ask for tokens.
    emulator_options& client_id(std::string value) & { return set(client_id_, std::move(value)); }
    emulator_options&& client_id(std::string value) && { return moved(client_id_, std::move(value)); }
    std::string const& client_id() const noexcept { return client_id_; }

    /// The application's secret.
    emulator_options& client_secret(std::string value) & { return set(client_secret_, std::move(value)); }
    emulator_options&& client_secret(std::string value) && { return moved(client_secret_, std::move(value)); }
    std::string const& client_secret() const noexcept { return client_secret_; }

    /// The certificates that the application has registered, as PEM text: it may sign assertions with their
    /// keys. None by default.
    emulator_options& client_certificates(std::string pem) &
    {
        return set(client_certificates_, std::move(pem));
    }
    emulator_options&& client_certificates(std::string pem) &&
    {
        return moved(client_certificates_, std::move(pem));
    }
    std::string const& client_certificates() const noexcept { return client_certificates_; }

    /// The assertion of another issuer that the application trusts, word for word: what a federated token's
    /// file holds. None by default.
    emulator_options& federated_assertion(std::string text) &
    {
        return set(federated_assertion_, std::move(text));
    }
    emulator_options&& federated_assertion(std::string text) &&
    {
        return moved(federated_assertion_, std::move(text));
    }
    std::string const& federated_assertion() const noexcept { return federated_assertion_; }

    /// Another federated credential of the application: its assertions are verified, with the five minutes
    /// that Entra grants to clocks. None by default.
    emulator_options& federated_credential(emulator_federated_credential value) &
    {
        federated_credentials_.push_back(std::move(value));
        return *this;
    }
    emulator_options&& federated_credential(emulator_federated_credential value) &&
    {
        return std::move(federated_credential(std::move(value)));
    }
    /// All arguments of federated_credential().
    std::vector<emulator_federated_credential> const& federated_credentials() const noexcept
    {
        return federated_credentials_;
    }

    /// Whether the application is in the cluster's security group. If not, its tokens are good but every
    /// REST call is answered with 403.
    emulator_options& in_security_group(bool value) & { return set(in_security_group_, value); }
    emulator_options&& in_security_group(bool value) && { return moved(in_security_group_, value); }
    bool in_security_group() const noexcept { return in_security_group_; }

    /// How long a token is accepted.
    emulator_options& token_lifetime(std::chrono::seconds value) & { return set(token_lifetime_, value); }
    emulator_options&& token_lifetime(std::chrono::seconds value) && { return moved(token_lifetime_, value); }
    std::chrono::seconds token_lifetime() const noexcept { return token_lifetime_; }

    /// After how long a client should ask for the next token, although this one is accepted for longer: the
    /// `refresh_in` of all answers with a token, which have none by default.
    emulator_options& token_refresh_in(std::chrono::seconds value) & { return set(token_refresh_in_, value); }
    emulator_options&& token_refresh_in(std::chrono::seconds value) &&
    {
        return moved(token_refresh_in_, value);
    }
    std::optional<std::chrono::seconds> token_refresh_in() const noexcept { return token_refresh_in_; }

    /// Whether there are the endpoints at which Azure gives tokens to what runs in it, on a second listener,
    /// without TLS as there: see emulator::identity_endpoint(). The system-assigned identity is the
    /// application with client_id().
    emulator_options& managed_identity(bool value) & { return set(managed_identity_, value); }
    emulator_options&& managed_identity(bool value) && { return moved(managed_identity_, value); }
    bool managed_identity() const noexcept { return managed_identity_; }

    /// The port of that listener, which has the address of the other; 0, the default, takes a free one.
    emulator_options& identity_port(std::uint16_t value) & { return set(identity_port_, value); }
    emulator_options&& identity_port(std::uint16_t value) && { return moved(identity_port_, value); }
    std::uint16_t identity_port() const noexcept { return identity_port_; }

    /// What App Service puts into the environment as IDENTITY_HEADER, and wants to see in every request.
    emulator_options& identity_header(std::string value) & { return set(identity_header_, std::move(value)); }
    emulator_options&& identity_header(std::string value) &&
    {
        return moved(identity_header_, std::move(value));
    }
    std::string const& identity_header() const noexcept { return identity_header_; }

    /// The client id of a user-assigned identity. None by default; it has no other ids.
    emulator_options& user_assigned_identity(std::string value) &
    {
        return set(user_assigned_identity_, std::move(value));
    }
    emulator_options&& user_assigned_identity(std::string value) &&
    {
        return moved(user_assigned_identity_, std::move(value));
    }
    std::string const& user_assigned_identity() const noexcept { return user_assigned_identity_; }

    /// The file in which Azure Arc's clients find the key that they are asked for. The emulator writes a new
    /// key to it whenever it asks, and removes it at its end. Clients insist on a name that ends in ".key",
    /// in /var/opt/azcmagent/tokens. A file that is there before it asks for the first one is left alone, and
    /// it answers with 500. Empty, the default, means that there is no such endpoint: 404.
    emulator_options& arc_key_file(std::string path) & { return set(arc_key_file_, std::move(path)); }
    emulator_options&& arc_key_file(std::string path) && { return moved(arc_key_file_, std::move(path)); }
    std::string const& arc_key_file() const noexcept { return arc_key_file_; }

    /// Whether other programs may do by requests what tests do by the emulator's functions: POST
    /// /emulator/trim and so on, without a token; GET /emulator lists all. What an action does is at
    /// emulator's function of its name. Only where address() is a loopback address. Off by default.
    emulator_options& admin(bool value) & { return set(admin_, value); }
    emulator_options&& admin(bool value) && { return moved(admin_, value); }
    bool admin() const noexcept { return admin_; }

    /// How long metadata goes on showing what it showed before a topic was created or deleted, as the
    /// proxy's cache does. Producing and consuming see the change at once: they ask the brokers.
    emulator_options& visibility_delay(milliseconds value) & { return set(visibility_delay_, value); }
    emulator_options&& visibility_delay(milliseconds value) && { return moved(visibility_delay_, value); }
    milliseconds visibility_delay() const noexcept { return visibility_delay_; }

    /// How long every request waits before it is handled.
    emulator_options& latency(milliseconds value) & { return set(latency_, value); }
    emulator_options&& latency(milliseconds value) && { return moved(latency_, value); }
    milliseconds latency() const noexcept { return latency_; }

    /// The most bytes that the body of one read may have. A record that alone exceeds it is never returned:
    /// the answer is empty, as if there were nothing.
    emulator_options& read_cap(std::size_t value) & { return set(read_cap_, value); }
    emulator_options&& read_cap(std::size_t value) && { return moved(read_cap_, value); }
    std::size_t read_cap() const noexcept { return read_cap_; }

    /// How many records a partition keeps: the oldest go first and earliest_offset moves on.
    emulator_options& retain_records(std::size_t value) & { return set(retain_records_, value); }
    emulator_options&& retain_records(std::size_t value) && { return moved(retain_records_, value); }
    std::size_t retain_records() const noexcept { return retain_records_; }

    /// How many bytes of records all topics hold together; beyond it a produce is answered with 500.
    emulator_options& max_stored_bytes(std::size_t value) & { return set(max_stored_bytes_, value); }
    emulator_options&& max_stored_bytes(std::size_t value) && { return moved(max_stored_bytes_, value); }
    std::size_t max_stored_bytes() const noexcept { return max_stored_bytes_; }

    /// The most partitions a topic may be created with.
    emulator_options& max_partitions(std::int32_t value) & { return set(max_partitions_, value); }
    emulator_options&& max_partitions(std::int32_t value) && { return moved(max_partitions_, value); }
    std::int32_t max_partitions() const noexcept { return max_partitions_; }

    /// The most topics; beyond it a create is answered with 500.
    emulator_options& max_topics(std::size_t value) & { return set(max_topics_, value); }
    emulator_options&& max_topics(std::size_t value) && { return moved(max_topics_, value); }
    std::size_t max_topics() const noexcept { return max_topics_; }

    /// Whether DELETE works; if not it is answered with 405, as by a proxy that does not offer it.
    emulator_options& delete_topics(bool value) & { return set(delete_topics_, value); }
    emulator_options&& delete_topics(bool value) && { return moved(delete_topics_, value); }
    bool delete_topics() const noexcept { return delete_topics_; }

    /// What a produce is answered with.
    emulator_options& produce_answer(emulator_produce_answer value) & { return set(produce_answer_, value); }
    emulator_options&& produce_answer(emulator_produce_answer value) &&
    {
        return moved(produce_answer_, value);
    }
    emulator_produce_answer produce_answer() const noexcept { return produce_answer_; }

    /// What surrounds the records of a read.
    emulator_options& consume_answer(emulator_consume_answer value) & { return set(consume_answer_, value); }
    emulator_options&& consume_answer(emulator_consume_answer value) &&
    {
        return moved(consume_answer_, value);
    }
    emulator_consume_answer consume_answer() const noexcept { return consume_answer_; }

    /// How keys and values of a read are written.
    emulator_options& value_form(emulator_value_form value) & { return set(value_form_, value); }
    emulator_options&& value_form(emulator_value_form value) && { return moved(value_form_, value); }
    emulator_value_form value_form() const noexcept { return value_form_; }

    /// What the NextOffset field of a read says.
    emulator_options& next_offset(emulator_next_offset value) & { return set(next_offset_, value); }
    emulator_options&& next_offset(emulator_next_offset value) && { return moved(next_offset_, value); }
    emulator_next_offset next_offset() const noexcept { return next_offset_; }

    /// The status of a read outside of the partition's offsets. 200 answers as if there were nothing.
    emulator_options& out_of_range_status(int value) & { return set(out_of_range_status_, value); }
    emulator_options&& out_of_range_status(int value) && { return moved(out_of_range_status_, value); }
    int out_of_range_status() const noexcept { return out_of_range_status_; }

    /// How the service behaves where it is not friendly; emulator::quirks() changes it later.
    emulator_options& quirks(emulator_quirks value) & { return set(quirks_, std::move(value)); }
    emulator_options&& quirks(emulator_quirks value) && { return moved(quirks_, std::move(value)); }
    emulator_quirks const& quirks() const noexcept { return quirks_; }

    /// The quirk of that name.
    emulator_options& empty_in_gaps(bool value) &
    {
        quirks_.empty_in_gaps(value);
        return *this;
    }
    emulator_options&& empty_in_gaps(bool value) && { return std::move(empty_in_gaps(value)); }
    bool empty_in_gaps() const noexcept { return quirks_.empty_in_gaps(); }

    /// The largest request body; a larger one is answered with 413. Without a good token, which is asked for
    /// before a body is read, nobody may send more than 64 KiB.
    emulator_options& max_body(std::size_t value) & { return set(max_body_, value); }
    emulator_options&& max_body(std::size_t value) && { return moved(max_body_, value); }
    std::size_t max_body() const noexcept { return max_body_; }

    /// How many bytes of requests and answers all connections hold together, beyond the first 16 KiB of each.
    /// Connections that have shown no good token may have a quarter of it. A request for which there is no
    /// room, and a read whose answer has none, is answered with 503 and a Retry-After, and the connection is
    /// closed. A body that alone is larger is answered with 413.
    emulator_options& max_buffered_bytes(std::size_t value) & { return set(max_buffered_bytes_, value); }
    emulator_options&& max_buffered_bytes(std::size_t value) && { return moved(max_buffered_bytes_, value); }
    std::size_t max_buffered_bytes() const noexcept { return max_buffered_bytes_; }

    /// How many connections each listener serves at a time. More wait to be accepted.
    emulator_options& max_connections(std::size_t value) & { return set(max_connections_, value); }
    emulator_options&& max_connections(std::size_t value) && { return moved(max_connections_, value); }
    std::size_t max_connections() const noexcept { return max_connections_; }

    /// How long a request may take from its first byte to its last, however steadily it comes; then the
    /// connection is closed.
    emulator_options& request_timeout(milliseconds value) & { return set(request_timeout_, value); }
    emulator_options&& request_timeout(milliseconds value) && { return moved(request_timeout_, value); }
    milliseconds request_timeout() const noexcept { return request_timeout_; }

    /// How long a connection may stand still, idle or in the middle of a request, before it is closed. An
    /// answer has to be taken in this time.
    emulator_options& idle_timeout(milliseconds value) & { return set(idle_timeout_, value); }
    emulator_options&& idle_timeout(milliseconds value) && { return moved(idle_timeout_, value); }
    milliseconds idle_timeout() const noexcept { return idle_timeout_; }

private:
    template <class Member, class Value>
    emulator_options& set(Member& member, Value&& value)
    {
        member = std::forward<Value>(value);
        return *this;
    }
    template <class Member, class Value>
    emulator_options&& moved(Member& member, Value&& value)
    {
        return std::move(set(member, std::forward<Value>(value)));
    }

    std::string address_ = "127.0.0.1";
    std::uint16_t port_ = 0;
    std::string advertise_;
    std::string certificate_pem_;
    std::string key_pem_;
    std::vector<std::string> host_names_;
    std::function<emulator_time()> clock_;
    std::string tenant_ = "emulator-tenant";
    std::string client_id_ = "emulator-client";
    std::string client_secret_ = "emulator-secret";
    std::string client_certificates_;
    std::string federated_assertion_;
    std::vector<emulator_federated_credential> federated_credentials_;
    bool in_security_group_ = true;
    std::chrono::seconds token_lifetime_{3599};
    std::optional<std::chrono::seconds> token_refresh_in_;
    bool managed_identity_ = false;
    std::uint16_t identity_port_ = 0;
    std::string identity_header_ = "emulator-identity-header";
    std::string user_assigned_identity_;
    std::string arc_key_file_;
    bool admin_ = false;
    milliseconds visibility_delay_{0};
    milliseconds latency_{0};
    std::size_t read_cap_ = 6'000'000;
    std::size_t retain_records_ = 1'000'000;
    std::size_t max_stored_bytes_ = std::size_t{1} << 30;
    std::int32_t max_partitions_ = 1'000;
    std::size_t max_topics_ = 10'000;
    bool delete_topics_ = true;
    emulator_produce_answer produce_answer_ = emulator_produce_answer::text;
    emulator_consume_answer consume_answer_ = emulator_consume_answer::object;
    emulator_value_form value_form_ = emulator_value_form::embedded;
    emulator_next_offset next_offset_ = emulator_next_offset::exact;
    int out_of_range_status_ = 400;
    emulator_quirks quirks_;
    std::size_t max_body_ = std::size_t{16} << 20;
    std::size_t max_buffered_bytes_ = std::size_t{256} << 20;
    std::size_t max_connections_ = 1'024;
    milliseconds request_timeout_{60'000};
    milliseconds idle_timeout_{60'000};
};

} // namespace hdikafka::inline v0_1

#endif
