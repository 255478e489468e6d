// The file in which the agent of Azure Arc leaves the key to a token: who may read it is entitled to one.
#ifndef HDIKAFKA_DETAIL_IDENTITY_ARC_KEY_HPP
#define HDIKAFKA_DETAIL_IDENTITY_ARC_KEY_HPP

#include <hdikafka/detail/base/owned_descriptor.hpp>
#include <hdikafka/detail/base/secret.hpp>
#include <hdikafka/detail/identity/managed_identity_plan.hpp>
#include <hdikafka/detail/identity/token_response.hpp>
#include <hdikafka/result.hpp>

#if __has_include(<unistd.h>)
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Where the agent writes them, which nobody else may.
inline constexpr char const* arc_key_folder = "/var/opt/azcmagent/tokens";

#if __has_include(<unistd.h>)

/// At most `text.size()` bytes, which it is cut to.
inline bool read_from_file(int descriptor, std::string& text)
{
    std::size_t size = 0;
    while (size != text.size()) {
        auto const count = ::read(descriptor, text.data() + size, text.size() - size);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return false;
        if (count == 0)
            break;
        size += static_cast<std::size_t>(count);
    }
    text.resize(size);
    return true;
}

/// The key in the file that an answer of the endpoint names; no other file is ever opened. The error never
/// shows what the file holds.
template <class = void>
result<secret> read_arc_key(std::string const& path, std::string_view folder)
{
    auto const refuse = [](std::string const& why) {
        return error(errc::token_refused, "the key file that Azure Arc's agent names " + why);
    };
    if (!is_arc_key_path(path, folder))
        return refuse("is not a .key file in " + std::string(folder));
    // Never one behind a symbolic link, and without waiting for the other end of a pipe.
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): that is open()
    int const number = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    owned_descriptor const file(number);
    if (number < 0) {
        std::error_code const cause(errno, std::generic_category());
        return refuse("cannot be opened (which takes the group himds): " + cause.message());
    }
    constexpr std::size_t most = 4096;
    std::string text(most + 1, '\0');
    struct stat about = {};
    bool const regular = ::fstat(number, &about) == 0 && S_ISREG(about.st_mode);
    bool const good = regular && read_from_file(number, text);
    secret const whole(std::move(text));
    if (!good)
        return refuse("is no file that can be read");
    if (whole.text().size() > most)
        return refuse("is larger than 4096 bytes");
    std::string_view const key = without_white_space_around(whole.text());
    if (!sendable_token(key))
        return refuse("is empty, or has characters that no field may have");
    return secret(std::string(key));
}

#else

template <class = void>
result<secret> read_arc_key(std::string const&, std::string_view)
{
    return error(errc::token_refused, "managed identities of Azure Arc are not supported on this system");
}

#endif

} // namespace hdikafka::inline v0_1::detail

#endif
