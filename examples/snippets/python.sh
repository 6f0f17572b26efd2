# Or one file in place of the package: cp ../tollgate/packages/python/src/tollgate_client/__init__.py tollgate_client.py
pip install requests ../tollgate/packages/python
export TOLLGATE_BASE_URL=http://127.0.0.1:8080
export TOLLGATE_CLIENT_ID=00000000-0000-0000-0000-000000000000
python3 first.py
