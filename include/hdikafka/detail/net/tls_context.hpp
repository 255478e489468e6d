// The SSL_CTX of a client: whom it trusts, and how strictly; and the sessions that its connections take up
// again.
#ifndef HDIKAFKA_DETAIL_NET_TLS_CONTEXT_HPP
#define HDIKAFKA_DETAIL_NET_TLS_CONTEXT_HPP

#include <hdikafka/detail/base/base64.hpp>
#include <hdikafka/detail/base/openssl_handle.hpp>
#include <hdikafka/detail/net/authorities.hpp>
#include <hdikafka/result.hpp>
#include <hdikafka/tls_options.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// The newest sessions of one origin. They were verified for it, and are not verified again when they are
/// taken up: one store must never serve two origins. Thread-safe.
template <class = void>
class tls_sessions
{
public:
    /// Lets connections of this context hand in what the server gives them.
    static void collect_from(SSL_CTX* context)
    {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, &tls_sessions::on_new_session);
    }

    /// Offers the newest session to a connection that is about to be made, and takes in what that is given.
    /// The store outlives the connection.
    void offer_to(SSL* connection)
    {
        SSL_set_ex_data(connection, slot(), this);
        tls_session_ptr const session = take();
        if (session)
            SSL_set_session(connection, session.get());
    }

    /// The connection stands: an older session that it took up may be taken up again.
    void keep(SSL* connection)
    {
        if (SSL_session_reused(connection) == 1 && SSL_version(connection) < TLS1_3_VERSION)
            put(tls_session_ptr(SSL_get1_session(connection)), false);
    }

private:
    using clock = std::chrono::steady_clock;

    static constexpr std::size_t most = 4; // servers send one or two tickets a connection
    // A session begets the next one without the certificate being looked at again.
    static constexpr std::chrono::hours longest_trust{24};

    /// Each is offered once: one of TLS 1.3 so that nobody can tell that two connections belong together (RFC
    /// 8446 C.4), an older one comes back from keep() unless the server broke off at the sight of it.
    tls_session_ptr take()
    {
        std::lock_guard const lock(mutex_);
        if (clock::now() - verified_at_ > longest_trust)
            sessions_.clear();
        // OpenSSL spoils the session of a connection that ends without close_notify.
        while (!sessions_.empty() && SSL_SESSION_is_resumable(sessions_.back().get()) != 1)
            sessions_.pop_back();
        if (sessions_.empty())
            return tls_session_ptr();
        tls_session_ptr taken = std::move(sessions_.back());
        sessions_.pop_back();
        return taken;
    }

    void put(tls_session_ptr session, bool verified_now)
    {
        std::lock_guard const lock(mutex_);
        if (verified_now)
            verified_at_ = clock::now();
        if (sessions_.size() == most)
            sessions_.erase(sessions_.begin());
        sessions_.push_back(std::move(session));
    }

    /// 1: the reference is ours.
    static int on_new_session(SSL* connection, SSL_SESSION* session) noexcept
    {
        auto* const store = static_cast<tls_sessions*>(SSL_get_ex_data(connection, slot()));
        if (!store || SSL_SESSION_is_resumable(session) != 1)
            return 0;
        try {
            store->put(tls_session_ptr(session), SSL_session_reused(connection) == 0);
        } catch (...) { // NOLINT(bugprone-empty-catch): OpenSSL is C, and nothing is lost
            // The handle has given the reference back; without the session the next handshake is a full one.
        }
        return 1;
    }

    static int slot()
    {
        static int const index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
        return index;
    }

    std::mutex mutex_;
    std::vector<tls_session_ptr> sessions_; // newest last
    clock::time_point verified_at_;         // when a handshake last showed a certificate
};

/// Has the context trust whom the options name.
template <class = void>
result<void> trust(SSL_CTX* context, tls_options const& options)
{
    // Whoever is named is an anchor, also an authority that is not its own issuer.
    X509_STORE_set_flags(SSL_CTX_get_cert_store(context), X509_V_FLAG_PARTIAL_CHAIN);
    auto const refused = [](std::string const& what, std::string const& why) {
        return error(errc::invalid_option, what + " cannot be used: " + why);
    };
    if (!options.ca_file().empty()) {
        auto const text = read_authority_file(options.ca_file());
        auto const added = text ? add_authorities(context, text.value()) : result<void>(text.error());
        if (!added)
            return refused("the CA file " + options.ca_file(), added.error().cause());
    }
    if (!options.ca_pem().empty()) {
        auto const added = add_authorities(context, options.ca_pem());
        if (!added)
            return refused("the CA text", added.error().cause());
    }
    bool const own = !options.ca_file().empty() || !options.ca_pem().empty();
    if (!own && SSL_CTX_set_default_verify_paths(context) != 1)
        return refused("the system's trust store", take_openssl_reason());
    return {};
}

template <class = void>
result<ssl_ctx_ptr> make_tls_context(tls_options const& options)
{
    ERR_clear_error();
    ssl_ctx_ptr context(SSL_CTX_new(TLS_client_method()));
    if (!context)
        return error(errc::tls_failed, "OpenSSL made no context: " + take_openssl_reason());
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context.get(), 1);
    SSL_CTX_set_verify(context.get(), options.verify() ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);

    auto const trusting = trust(context.get(), options);
    if (!trusting)
        return trusting.error();
    tls_sessions<>::collect_from(context.get());
    if (options.configure())
        options.configure()(context.get());
    return context;
}

/// A TLS session object for one connection to `host`: SNI for names only, the name or address
/// verified against the certificate's alternative names.
template <class = void>
result<ssl_ptr> make_tls_session(SSL_CTX* context, std::string const& host, bool is_address)
{
    ERR_clear_error();
    ssl_ptr session(SSL_new(context));
    if (!session)
        return error(errc::tls_failed, "OpenSSL made no session: " + take_openssl_reason());
    X509_VERIFY_PARAM* const checks = SSL_get0_param(session.get());
    X509_VERIFY_PARAM_set_hostflags(checks, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                                X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    bool const named = is_address ? X509_VERIFY_PARAM_set1_ip_asc(checks, host.c_str()) == 1
                                  : X509_VERIFY_PARAM_set1_host(checks, host.c_str(), 0) == 1 &&
                                        SSL_set_tlsext_host_name(session.get(), host.c_str()) == 1;
    if (!named)
        return error(errc::tls_failed, "the host name cannot be verified: " + take_openssl_reason());
    SSL_set_connect_state(session.get());
    return session;
}

/// The SHA-256 of the key in a server's certificate (SubjectPublicKeyInfo), in base64.
template <class = void>
std::string key_digest(SSL* connection)
{
    x509_ptr const certificate(SSL_get1_peer_certificate(connection));
    X509_PUBKEY* const key = certificate ? X509_get_X509_PUBKEY(certificate.get()) : nullptr;
    int const length = key ? i2d_X509_PUBKEY(key, nullptr) : 0;
    if (length <= 0)
        return std::string();
    std::vector<unsigned char> encoded(static_cast<std::size_t>(length));
    unsigned char* at = encoded.data();
    i2d_X509_PUBKEY(key, &at);
    std::string digest(EVP_MAX_MD_SIZE, '\0');
    unsigned int size = 0;
    if (EVP_Digest(encoded.data(), encoded.size(), reinterpret_cast<unsigned char*>(digest.data()), &size,
                   EVP_sha256(), nullptr) != 1)
        return std::string();
    digest.resize(size);
    return base64_encode(digest, base64_form::standard);
}

/// Whether the server's key is one of `pins`, in base64; any is when there are none.
template <class = void>
result<void> check_pins(SSL* connection, std::vector<std::string> const& pins)
{
    if (pins.empty())
        return {};
    std::string const found = key_digest(connection);
    if (!found.empty() && std::ranges::find(pins, found) != pins.end())
        return {};
    return error(errc::certificate_refused,
                 "the server's public key is not one that is pinned: sha256//" + found);
}

} // namespace hdikafka::inline v0_1::detail

#endif
