// hdikafka-emulator: the emulator as a program, for tests and programs in any language.
//
// It prints one line of JSON when it is ready and runs until Ctrl-C or SIGTERM. Exit status: 0 after
// that, 1 when it cannot start, 2 when the command line is wrong.
#include <hdikafka/emulator.hpp>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/signal_set.hpp>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

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
    std::string cert_file;
    std::string key_file;
    std::string ca_file;
    std::vector<std::pair<std::string, std::int32_t>> topics;
    unsigned threads = 1;
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

std::chrono::milliseconds duration(std::string_view flag, std::string_view text)
{
    return std::chrono::milliseconds(number<std::int64_t>(flag, text, 0, 86'400'000));
}

std::chrono::seconds seconds(std::string_view flag, std::string_view text)
{
    return std::chrono::seconds(number<std::int64_t>(flag, text, 0, 86'400));
}

std::size_t size(std::string_view flag, std::string_view text, std::size_t least = 0)
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

std::string text_of(std::string_view flag, std::string_view text)
{
    if (text.empty())
        throw usage_error(std::string(flag) + " must not be empty");
    return std::string(text);
}

/// "127.0.0.1:9400" or "[::1]:9400".
void set_listen(settings& to, std::string_view flag, std::string_view text)
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
void add_topic(settings& to, std::string_view flag, std::string_view text)
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

void print_help(std::vector<flag> const& flags);

std::vector<flag> const& all_flags()
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
        {"--ca-file", "FILE", "where to put the made authority until the end (a temporary file)",
         [](settings& to, view name, view text) { to.ca_file = text_of(name, text); }},
        {"--tenant", "T", "the tenant (emulator-tenant)",
         [](settings& to, view name, view text) { to.options.tenant(text_of(name, text)); }},
        {"--client-id", "C", "the application (emulator-client)",
         [](settings& to, view name, view text) { to.options.client_id(text_of(name, text)); }},
        {"--client-secret", "S", "its secret (emulator-secret)",
         [](settings& to, view name, view text) { to.options.client_secret(text_of(name, text)); }},
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
        {"--next-offset", "FORM", "exact, asked (the request's), behind (the one before) or absent (exact)",
         [](settings& to, view name, view text) {
             to.options.next_offset(choice<emulator_next_offset>(name, text,
                                                                 {{"exact", emulator_next_offset::exact},
                                                                  {"asked", emulator_next_offset::asked},
                                                                  {"behind", emulator_next_offset::behind},
                                                                  {"absent", emulator_next_offset::absent}}));
         }},
        {"--out-of-range-status", "N", "the status of a read outside of the offsets; 200 is empty (400)",
         [](settings& to, view name, view text) {
             to.options.out_of_range_status(text == "200" ? 200 : number<int>(name, text, 400, 599));
         }},
        {"--empty-in-gaps", "", "a read that starts in a gap of the offsets is empty",
         [](settings& to, view, view) { to.options.empty_in_gaps(true); }},
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

void print_help(std::vector<flag> const& flags)
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

settings parse(std::vector<std::string_view> arguments)
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
    return out;
}

std::string read_file(std::string const& path)
{
    std::ifstream in(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (!in || text.empty())
        throw std::runtime_error("cannot read " + path);
    return text;
}

/// The authority's certificate in a file for other programs; gone when the emulator ends.
class published_authority
{
public:
    published_authority(std::string path, std::string const& pem) : path_(std::move(path))
    {
        if (path_.empty())
            path_ = temporary_file();
        std::ofstream out(path_, std::ios::binary | std::ios::trunc);
        out << pem << std::flush;
        if (!out)
            throw std::runtime_error("cannot write " + path_);
    }
    published_authority(published_authority const&) = delete;
    published_authority& operator=(published_authority const&) = delete;
    ~published_authority()
    {
        std::error_code ignored;
        std::filesystem::remove(path_, ignored);
    }

    std::string const& path() const noexcept { return path_; }

private:
    static std::string temporary_file()
    {
        std::string path = (std::filesystem::temp_directory_path() / "hdikafka-emulator-XXXXXX").string();
        int const file = mkstemp(path.data());
        if (file < 0)
            throw std::runtime_error("cannot make a file in " +
                                     std::filesystem::temp_directory_path().string());
        close(file);
        return path;
    }

    std::string path_;
};

std::string ready_line(hk::emulator const& emulator, settings const& with, std::string const& ca_file)
{
    std::vector<std::pair<std::string, std::string>> members{
        {"endpoint", emulator.endpoint()},
        {"authority_host", emulator.authority_host()},
        {"ca_file", ca_file},
        {"tenant", with.options.tenant()},
        {"client_id", with.options.client_id()},
        {"client_secret", with.options.client_secret()},
    };
    if (with.options.managed_identity())
        members.emplace_back("identity_endpoint", emulator.identity_endpoint());
    std::string line;
    for (auto const& [name, value] : members) {
        line += line.empty() ? '{' : ',';
        line += hk::json(name).text();
        line += ':';
        line += hk::json(value).text();
    }
    return line + '}';
}

void serve(settings with)
{
    if (!with.cert_file.empty())
        with.options.certificate(read_file(with.cert_file), read_file(with.key_file));
    net::io_context io;
    net::signal_set signals(io, SIGINT, SIGTERM, SIGHUP);
    hk::emulator emulator(io.get_executor(), with.options);
    emulator.start();
    for (auto const& [topic, partitions] : with.topics)
        emulator.add_topic(topic, partitions);

    std::optional<published_authority> authority;
    if (with.cert_file.empty())
        authority.emplace(with.ca_file, emulator.ca_pem());
    std::cout << ready_line(emulator, with, authority ? authority->path() : with.cert_file) << std::endl;

    signals.async_wait([&emulator](net::error_code, int) { emulator.stop(); });
    std::vector<std::thread> threads;
    for (unsigned i = 1; i < with.threads; ++i)
        threads.emplace_back([&io] { io.run(); });
    io.run();
    for (auto& thread : threads)
        thread.join();
}

} // namespace

int main(int argc, char** argv)
{
    try {
        settings with = parse({argv + 1, argv + argc});
        if (!with.done)
            serve(std::move(with));
        return EXIT_SUCCESS;
    } catch (usage_error const& wrong) {
        std::cerr << "hdikafka-emulator: " << wrong.what() << std::endl;
        return 2;
    } catch (hk::error const& failure) {
        std::cerr << "hdikafka-emulator: " << failure.cause() << std::endl;
        return failure.code() == hk::errc::invalid_option ? 2 : EXIT_FAILURE;
    } catch (std::exception const& failure) {
        std::cerr << "hdikafka-emulator: " << failure.what() << std::endl;
        return EXIT_FAILURE;
    }
}
