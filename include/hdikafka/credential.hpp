// Credentials: who the program is, and how it proves it.
#ifndef HDIKAFKA_CREDENTIAL_HPP
#define HDIKAFKA_CREDENTIAL_HPP

#include <hdikafka/access_token.hpp>
#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/base/secret.hpp>
#include <hdikafka/detail/identity/settings.hpp>
#include <hdikafka/detail/run/asio.hpp>
#include <hdikafka/platform_credential.hpp>
#include <hdikafka/service_principal.hpp>

#include <concepts>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1 {

namespace detail {

class token_callback_settings
{
public:
    explicit token_callback_settings(std::function<net::awaitable<access_token>(token_request)> from)
        : function(std::move(from))
    {}

    std::function<net::awaitable<access_token>(token_request)> function;
    std::string scope = service_scope;
};

template <class = void>
token_caches_ptr make_token_caches(std::function<token_source_ptr()> make, bool for_all);

/// What a credential can be made from.
template <class Kind>
concept credential_kind = requires(Kind kind) {
    { std::move(kind).make_source() } -> std::same_as<token_source_ptr>;
};

/// One whose tokens come from the program, not over a client's connections.
template <class Kind>
concept program_credential = credential_kind<Kind> && Kind::from_program;

template <credential_kind Kind>
token_caches_ptr make_tokens(Kind kind)
{
    static_assert(std::is_copy_constructible_v<Kind>, "several sources may be made from a credential");
    if constexpr (program_credential<Kind>)
        return make_token_caches<>([one = std::move(kind).make_source()] { return one; }, true);
    else
        return make_token_caches<>([kind = std::move(kind)] { return Kind(kind).make_source(); }, false);
}

} // namespace detail

/// A token that the program got elsewhere. It is used until the service refuses it (errc::unauthorized).
class bearer_token : public detail::credential_of<bearer_token, detail::fixed_token_source, detail::secret>
{
public:
    static constexpr bool from_program = true; ///< For the library.

    /// Without "Bearer". Characters that no token has are told by the first call: errc::invalid_option.
    explicit bearer_token(std::string token) : credential_of(detail::secret(std::move(token))) {}
};

/// Tokens from the program's own function, `awaitable<access_token>()` or
/// `awaitable<access_token>(token_request)`: called when none is cached, in the background before one
/// expires, and once when the service refuses one. Never twice at a time, unless it goes on when it is
/// cancelled: after two minutes, three seconds after the last call that needed a token, or when the client
/// that asks for it is closed; or its context was stopped in the middle. It runs on that client's executor;
/// what it throws becomes the call's error.
class token_callback : public detail::credential_of<token_callback, detail::callback_token_source,
                                                    detail::token_callback_settings>
{
public:
    static constexpr bool from_program = true; ///< For the library.

    /// The function is kept as long as any copy of the credential, and may be called from any thread of the
    /// client's executor.
    template <class Function>
        requires std::invocable<Function&, token_request>
    explicit token_callback(Function function)
        : credential_of(detail::token_callback_settings(std::move(function)))
    {}

    /// The same for one that needs not be told what the token is for.
    template <class Function>
        requires(std::invocable<Function&> && !std::invocable<Function&, token_request>)
    explicit token_callback(Function function)
        : token_callback([function = std::move(function)](token_request) mutable { return function(); })
    {}

    /// Another scope to ask for than https://hib.azurehdinsight.net/.default.
    token_callback& scope(std::string scope) & { return set(settings_.scope, std::move(scope)); }
    token_callback&& scope(std::string scope) && { return std::move(this->scope(std::move(scope))); }
};

/// Several credentials, in this order: the first that is configured where the program runs gives the token,
/// and is the one that is asked from then on; its failures are the call's. errc::no_credential when none is,
/// with the reason for each.
class chained_credential
{
public:
    /// Any of the kinds of this header and of those it includes.
    template <detail::credential_kind... Kinds>
        requires(sizeof...(Kinds) != 0)
    explicit chained_credential(Kinds... kinds)
    {
        static_assert((std::is_copy_constructible_v<Kinds> && ...),
                      "a chain may be copied, and so must its parts");
        (makers_.emplace_back([kind = std::move(kinds)] { return Kinds(kind).make_source(); }), ...);
    }

    /// For hk::credential.
    template <class Lazy = void>
    detail::token_source_ptr make_source() &&
    {
        std::vector<detail::token_source_ptr> sources;
        sources.reserve(makers_.size());
        for (auto const& make : makers_)
            sources.push_back(make());
        return detail::make_token_source<detail::chained_source<Lazy>>(std::move(sources));
    }

private:
    // Not the sources themselves: each is asked by one cache only, and this object may be copied.
    std::vector<std::function<detail::token_source_ptr()>> makers_;
};

/// What fits the place where the program runs: environment_credential, workload_identity_credential,
/// managed_identity_credential (the identity that AZURE_CLIENT_ID names, if it is set) and
/// azure_cli_credential, chained in this order. AZURE_TOKEN_CREDENTIALS narrows them as it does for Azure's
/// own libraries: "prod" leaves out the CLI, "dev" all others, and a name such as
/// "ManagedIdentityCredential" all but that one; any other is errc::invalid_option.
class default_credential : public entra_credential<default_credential, detail::default_source>
{
public:
    default_credential() = default;
};

/// Any of the credentials, type-erased, with its tokens. Copies share them: clients that are given the same
/// credential ask for one token together, on whatever contexts and threads, and a context may be stopped or
/// destroyed while it asks: another client asks in its place. Thread-safe.
///
/// A token goes only to clients that trust the authority which gave it: clients share one when verify(),
/// ca_file() and ca_pem() of their tls_options are equal, and one with a configure() asks for its own; pins
/// and proxies make no difference. A bearer_token and the tokens of a token_callback are the program's to
/// trust, and are the same for all. Tokens for a trust that no client has any more are forgotten when there
/// are many.
///
/// A request for a token is given up three seconds after the last call that needed one. An authority that
/// throttles (429, 503) is not asked again before its Retry-After has passed, else for a second after the
/// first time, two after the second, and so on up to a minute, of which up to a half is left out at random;
/// one that refuses is asked once more at once, and then likewise. Calls in between fail at once, as the last
/// request did.
class credential
{
public:
    /// None: calls fail with errc::no_credential.
    credential() = default;

    /// From any of the kinds of this header and of those it includes.
    template <detail::credential_kind Kind>
    credential(Kind kind) : caches_(detail::make_tokens(std::move(kind)))
    {}

    explicit operator bool() const noexcept { return caches_ != nullptr; }

    /// For the library.
    detail::token_caches_ptr const& caches() const noexcept { return caches_; }

private:
    detail::token_caches_ptr caches_;
};

} // namespace hdikafka::inline v0_1

#ifndef HDIKAFKA_SEPARATE_COMPILATION
#include <hdikafka/detail/identity/chain.hpp>
#endif

#endif
