// The command line of hdikafka-emulator. For emulator.cpp.
#ifndef HDIKAFKA_EXAMPLES_SUPPORT_EMULATOR_COMMAND_LINE_HPP
#define HDIKAFKA_EXAMPLES_SUPPORT_EMULATOR_COMMAND_LINE_HPP

#include <hdikafka/emulator.hpp>

#include <asio/ip/address.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace examples {

namespace hk = hdikafka;
namespace net = hk::net;

/// The command line is wrong: exit status 2.
class usage_error : public std::runtime_error
{
public:
    using std::runtime_error::runtime_error;
};

class settings
{
public:
    hk::emulator_options options = hk::emulator_options().listen("127.0.0.1", 9400);
    hk::emulator_quirks quirks; ///< Goes into the options when all of the command line is read.
    std::string cert_file;
    std::string key_file;
    std::string ca_file;
    std::string client_certificates_file;
    std::string federated_issuer;
    std::string federated_subject;
    std::string federated_audience;
    std::string federated_keys_file;
    std::vector<std::pair<std::string, std::int32_t>> topics;
    unsigned threads = 1;
    bool log = false;
    bool done = false; ///< --help or --version was all that was wanted.
};

template <class Integer>
Integer number(std::string_view flag, std::string_view text, Integer least, Integer most)
{
    Integer value{};
    auto const [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (fault != std::errc() || end != text.data() + text.size() || value < least || value > most)
        throw usage_error(std::string(flag) + " needs a number from " + std::to_string(least) + " to " +
                          std::to_string(most) + ", not '" + std::string(text) + "'");
    return value;
}

inline std::chrono::milliseconds duration(std::string_view flag, std::string_view text)
{
    return std::chrono::milliseconds(number<std::int64_t>(flag, text, 0, 86'400'000));
}

inline std::chrono::milliseconds time_limit(std::string_view flag, std::string_view text)
{
    return std::chrono::milliseconds(number<std::int64_t>(flag, text, 1, 86'400'000));
}

inline std::chrono::seconds seconds(std::string_view flag, std::string_view text)
{
    return std::chrono::seconds(number<std::int64_t>(flag, text, 0, 86'400));
}

inline std::size_t size(std::string_view flag, std::string_view text, std::size_t least = 0)
{
    return number<std::size_t>(flag, text, least, std::size_t{1} << 40);
}

template <class Value>
Value choice(std::string_view flag, std::string_view text,
             std::vector<std::pair<std::string_view, Value>> const& values)
{
    std::string known;
    for (auto const& [name, value] : values) {
        if (name == text)
            return value;
        known += (known.empty() ? "" : ", ") + std::string(name);
    }
    throw usage_error(std::string(flag) + " is one of " + known + ", not '" + std::string(text) + "'");
}

inline std::string text_of(std::string_view flag, std::string_view text)
{
    if (text.empty())
        throw usage_error(std::string(flag) + " must not be empty");
    return std::string(text);
}

/// "127.0.0.1:9400" or "[::1]:9400".
inline void set_listen(settings& to, std::string_view flag, std::string_view text)
{
    std::size_t const colon = text.rfind(':');
    if (colon == std::string_view::npos)
        throw usage_error(std::string(flag) + " needs an address and a port, as in 127.0.0.1:9400");
    std::string_view address = text.substr(0, colon);
    if (address.starts_with('[') && address.ends_with(']'))
        address = address.substr(1, address.size() - 2);
    net::error_code failure;
    net::ip::make_address(std::string(address), failure);
    if (failure)
        throw usage_error(std::string(flag) + ": '" + std::string(address) + "' is not an IP address");
    to.options.listen(std::string(address), number<std::uint16_t>(flag, text.substr(colon + 1), 0, 65'535));
}

/// "orders" or "orders:3".
inline void add_topic(settings& to, std::string_view flag, std::string_view text)
{
    std::size_t const colon = text.find(':');
    std::int32_t const partitions =
        colon == std::string_view::npos ? 1 : number<std::int32_t>(flag, text.substr(colon + 1), 1, 1'000);
    to.topics.emplace_back(text_of(flag, text.substr(0, colon)), partitions);
}

class flag
{
public:
    std::string_view name;
    std::string_view argument; ///< Empty when it takes none.
    std::string_view help;
    std::function<void(settings&, std::string_view flag, std::string_view text)> apply;
};

inline void print_help(std::vector<flag> const& flags);

inline std::vector<flag> const& all_flags()
{
    using hk::emulator_consume_answer;
    using hk::emulator_next_offset;
    using hk::emulator_produce_answer;
    using hk::emulator_value_form;
    using view = std::string_view;
    static std::vector<flag> const flags{
        {"--listen", "ADDRESS:PORT", "where to listen; port 0 takes a free one (127.0.0.1:9400)", set_listen},
        {"--advertise", "HOST", "the host that the printed addresses name (the address)",
         [](settings& to, view name, view text) { to.options.advertise(text_of(name, text)); }},
        {"--cert", "FILE", "certificate chain, PEM; without it one is made for localhost",
         [](settings& to, view name, view text) { to.cert_file = text_of(name, text); }},
        {"--key", "FILE", "the certificate's key, PEM",
         [](settings& to, view name, view text) { to.key_file = text_of(name, text); }},
        {"--host-name", "NAME", "another name for the certificate that is made; may be repeated",
         [](settings& to, view name, view text) { to.options.host_name(text_of(name, text)); }},
        {"--ca-file", "FILE", "a new file for the made authority, until the end (a temporary file)",
         [](settings& to, view name, view text) { to.ca_file = text_of(name, text); }},
        {"--tenant", "T", "the tenant (emulator-tenant)",
         [](settings& to, view name, view text) { to.options.tenant(text_of(name, text)); }},
        {"--client-id", "C", "the application (emulator-client)",
         [](settings& to, view name, view text) { to.options.client_id(text_of(name, text)); }},
        {"--client-secret", "S", "its secret (emulator-secret)",
         [](settings& to, view name, view text) { to.options.client_secret(text_of(name, text)); }},
        {"--client-certificates", "FILE", "certificates that the application has registered, PEM (none)",
         [](settings& to, view name, view text) { to.client_certificates_file = text_of(name, text); }},
        {"--federated-issuer", "URL", "a federated credential: whose assertions stand for the application",
         [](settings& to, view name, view text) { to.federated_issuer = text_of(name, text); }},
        {"--federated-subject", "TEXT", "whom they are about",
         [](settings& to, view name, view text) { to.federated_subject = text_of(name, text); }},
        {"--federated-audience", "TEXT", "whom they are for (api://AzureADTokenExchange)",
         [](settings& to, view name, view text) { to.federated_audience = text_of(name, text); }},
        {"--federated-keys", "FILE", "the issuer's keys: a JSON Web Key Set, or PEM",
         [](settings& to, view name, view text) { to.federated_keys_file = text_of(name, text); }},
        {"--outside-group", "", "the application is not in the security group: 403",
         [](settings& to, view, view) { to.options.in_security_group(false); }},
        {"--token-lifetime", "S", "seconds for which a token is good (3599)",
         [](settings& to, view name, view text) { to.options.token_lifetime(seconds(name, text)); }},
        {"--refresh-in", "S", "seconds after which a client should ask for the next token (not said)",
         [](settings& to, view name, view text) { to.options.token_refresh_in(seconds(name, text)); }},
        {"--managed-identity", "", "also managed identities, over plain HTTP; the next four imply it",
         [](settings& to, view, view) { to.options.managed_identity(true); }},
        {"--identity-port", "PORT", "where they are; port 0 takes a free one (0)",
         [](settings& to, view name, view text) {
             to.options.managed_identity(true).identity_port(number<std::uint16_t>(name, text, 0, 65'535));
         }},
        {"--identity-header", "TEXT", "App Service's IDENTITY_HEADER (emulator-identity-header)",
         [](settings& to, view name, view text) {
             to.options.managed_identity(true).identity_header(text_of(name, text));
         }},
        {"--user-assigned-identity", "ID", "the client id of a user-assigned identity (none)",
         [](settings& to, view name, view text) {
             to.options.managed_identity(true).user_assigned_identity(text_of(name, text));
         }},
        {"--arc-key-file", "FILE", "where Azure Arc's clients find a key (no Azure Arc)",
         [](settings& to, view name, view text) {
             to.options.managed_identity(true).arc_key_file(text_of(name, text));
         }},
        {"--visibility-delay", "MS", "how long metadata lags behind creating and deleting topics (0)",
         [](settings& to, view name, view text) { to.options.visibility_delay(duration(name, text)); }},
        {"--latency", "MS", "how long every request waits (0)",
         [](settings& to, view name, view text) { to.options.latency(duration(name, text)); }},
        {"--topic", "NAME[:PARTITIONS]", "a topic to start with; may be repeated", add_topic},
        {"--read-cap", "BYTES", "the largest body of a read (6000000)",
         [](settings& to, view name, view text) { to.options.read_cap(size(name, text)); }},
        {"--max-body", "BYTES", "the largest body of a request (16777216)",
         [](settings& to, view name, view text) { to.options.max_body(size(name, text)); }},
        {"--max-buffered", "BYTES",
         "what requests and answers of all connections may take together (268435456)",
         [](settings& to, view name, view text) { to.options.max_buffered_bytes(size(name, text)); }},
        {"--max-connections", "N", "connections served at a time by each listener (1024)",
         [](settings& to, view name, view text) {
             to.options.max_connections(number<std::size_t>(name, text, 1, 1'000'000));
         }},
        {"--request-timeout", "MS", "how long a request may take to come (60000)",
         [](settings& to, view name, view text) { to.options.request_timeout(time_limit(name, text)); }},
        {"--idle-timeout", "MS", "how long a connection may stand still (60000)",
         [](settings& to, view name, view text) { to.options.idle_timeout(time_limit(name, text)); }},
        {"--retain-records", "N", "records kept in a partition (1000000)",
         [](settings& to, view name, view text) { to.options.retain_records(size(name, text)); }},
        {"--no-delete", "", "DELETE is answered with 405",
         [](settings& to, view, view) { to.options.delete_topics(false); }},
        {"--produce-answer", "FORM", "text, offsets or empty (text)",
         [](settings& to, view name, view text) {
             to.options.produce_answer(
                 choice<emulator_produce_answer>(name, text,
                                                 {{"text", emulator_produce_answer::text},
                                                  {"offsets", emulator_produce_answer::offsets},
                                                  {"empty", emulator_produce_answer::empty}}));
         }},
        {"--consume-answer", "FORM", "object, {\"records\":[...]}, or array (object)",
         [](settings& to, view name, view text) {
             to.options.consume_answer(choice<emulator_consume_answer>(
                 name, text,
                 {{"object", emulator_consume_answer::object}, {"array", emulator_consume_answer::array}}));
         }},
        {"--values", "FORM", "embedded JSON, or text (embedded)",
         [](settings& to, view name, view text) {
             to.options.value_form(choice<emulator_value_form>(
                 name, text,
                 {{"embedded", emulator_value_form::embedded}, {"text", emulator_value_form::text}}));
         }},
        {"--next-offset", "FORM", "exact, asked, behind (the one before), absent or absurd (exact)",
         [](settings& to, view name, view text) {
             to.options.next_offset(choice<emulator_next_offset>(name, text,
                                                                 {{"exact", emulator_next_offset::exact},
                                                                  {"asked", emulator_next_offset::asked},
                                                                  {"behind", emulator_next_offset::behind},
                                                                  {"absent", emulator_next_offset::absent},
                                                                  {"absurd", emulator_next_offset::absurd}}));
         }},
        {"--out-of-range-status", "N", "the status of a read outside of the offsets; 200 is empty (400)",
         [](settings& to, view name, view text) {
             to.options.out_of_range_status(text == "200" ? 200 : number<int>(name, text, 400, 599));
         }},
        {"--empty-in-gaps", "", "a read that starts in a gap of the offsets is empty",
         [](settings& to, view, view) { to.quirks.empty_in_gaps(true); }},
        {"--max-read-bytes", "BYTES", "what keys and values of a read may have, instead of --read-cap",
         [](settings& to, view name, view text) { to.quirks.max_read_bytes(size(name, text)); }},
        {"--nodes", "N", "management nodes with a cache each; connections go to them in turn (1)",
         [](settings& to, view name, view text) { to.quirks.nodes(number<std::size_t>(name, text, 1, 64)); }},
        {"--node-delay", "MS", "how much later than the first one the others show new topics (0)",
         [](settings& to, view name, view text) { to.quirks.node_delay(duration(name, text)); }},
        {"--partitions-after", "MS", "how long a new topic has no partitions (0)",
         [](settings& to, view name, view text) { to.quirks.partitions_after(duration(name, text)); }},
        {"--leaders-after", "MS", "how long the partitions of a new topic have no leaders (0)",
         [](settings& to, view name, view text) { to.quirks.leaders_after(duration(name, text)); }},
        {"--missing-topic-hangs", "", "a produce to a topic that is not there is never answered",
         [](settings& to, view, view) { to.quirks.missing_topic_hangs(true); }},
        {"--status-needs-token", "", "so does /v1/status",
         [](settings& to, view, view) { to.quirks.status_needs_token(true); }},
        {"--admin", "", "take faults and events by requests: GET /emulator lists them; on the loopback only",
         [](settings& to, view, view) { to.options.admin(true); }},
        {"--log", "", "a line on stderr for every request", [](settings& to, view, view) { to.log = true; }},
        {"--threads", "N", "threads to serve with (1)",
         [](settings& to, view name, view text) { to.threads = number<unsigned>(name, text, 1, 64); }},
        {"--version", "", "print the version",
         [](settings& to, view, view) {
             std::cout << "hdikafka-emulator " HDIKAFKA_VERSION_STRING << std::endl;
             to.done = true;
         }},
        {"--help", "", "print this",
         [](settings& to, view, view) {
             print_help(all_flags());
             to.done = true;
         }},
    };
    return flags;
}

inline void print_help(std::vector<flag> const& flags)
{
    std::cout
        << "usage: hdikafka-emulator [option...]\n\n"
           "An HTTPS server that speaks the API of the Kafka REST proxy, and of the authority that\n"
           "gives tokens for it, from memory. When it is ready it prints one line of JSON with\n"
           "endpoint, authority_host, ca_file, tenant, client_id and client_secret (and identity_endpoint\n"
           "with --managed-identity); Ctrl-C ends it.\n\n";
    for (auto const& each : flags) {
        std::string left = "  " + std::string(each.name) + " " + std::string(each.argument);
        left.resize(std::max<std::size_t>(left.size() + 2, 30), ' ');
        std::cout << left << each.help << '\n';
    }
    std::cout << std::flush;
}

inline settings parse(std::vector<std::string_view> arguments)
{
    settings out;
    for (std::size_t i = 0; i < arguments.size() && !out.done; ++i) {
        std::size_t const equals = arguments[i].find('=');
        std::string_view const name = arguments[i].substr(0, equals);
        auto const found = std::find_if(all_flags().begin(), all_flags().end(),
                                        [name](flag const& each) { return each.name == name; });
        if (found == all_flags().end())
            throw usage_error("unknown option '" + std::string(arguments[i]) + "'; --help lists all");
        bool const attached = equals != std::string_view::npos;
        std::string_view text;
        if (found->argument.empty()) {
            if (attached)
                throw usage_error(std::string(name) + " takes no value");
        } else if (attached) {
            text = arguments[i].substr(equals + 1);
        } else if (++i < arguments.size()) {
            text = arguments[i];
        } else {
            throw usage_error(std::string(name) + " needs a value: " + std::string(found->argument));
        }
        found->apply(out, name, text);
    }
    if (out.cert_file.empty() != out.key_file.empty())
        throw usage_error("--cert and --key go together");
    if (!out.cert_file.empty() && (!out.ca_file.empty() || !out.options.host_names().empty()))
        throw usage_error("--ca-file and --host-name are for the certificate that is made without --cert");
    bool const federated = !out.federated_issuer.empty();
    if (federated == out.federated_subject.empty() || federated == out.federated_keys_file.empty() ||
        (!federated && !out.federated_audience.empty()))
        throw usage_error("--federated-issuer, --federated-subject and --federated-keys go together");
    out.options.quirks(out.quirks);
    return out;
}

} // namespace examples

#endif
