# Attributes of msgspec's Structs without looking them up: they lie at fixed places of their objects.
from cpython.object cimport PyObject

cdef extern from *:
    """
    #include <structmember.h>
    /* -1, with an exception: the class has no such slot. */
    static Py_ssize_t connector_member(PyObject *kind, PyObject *name) {
      PyObject *found = PyObject_GetAttr(kind, name);
      Py_ssize_t at = -1;
      if (!found) return -1;
      if (Py_TYPE(found) == &PyMemberDescr_Type && ((PyMemberDescrObject *)found)->d_member->type == T_OBJECT_EX)
        at = ((PyMemberDescrObject *)found)->d_member->offset;
      else
        PyErr_Format(PyExc_TypeError, "%R is no slot", name);
      Py_DECREF(found);
      return at;
    }
    """
    Py_ssize_t member_of "connector_member" (object kind, object name) except -1

# Of an object of exactly the class that was asked; every field of it is set.
cdef inline object member(object one, Py_ssize_t at):
    return <object>(<PyObject**>(<char*><PyObject*>one + at))[0]
