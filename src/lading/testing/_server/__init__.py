"""The HTTP server of the test doubles, and the framework that all doubles are built on.

The server: ``sockets``, ``http1``, ``connection``, ``bodies``, ``files``, ``workers``. The framework: ``routing``,
``refusals``, ``forms`` (over ``multipart``) and ``state``. A double adds its state, its routes and its serializers.
"""
